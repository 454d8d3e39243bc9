// SPDX-License-Identifier: Apache-2.0
//
// What the reference roles share: listen on PORT (0: any), say so in one line, end on SIGTERM.

export function serve(app) {
  const server = app.listen(Number(process.env.PORT ?? 0), "127.0.0.1", (error) => {
    if (error) throw error;
    console.log(JSON.stringify({ ready: true, url: `http://127.0.0.1:${server.address().port}` }));
  });
  process.on("SIGTERM", () => process.exit(0));
}
