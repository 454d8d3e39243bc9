// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and histograms in the Prometheus text format. Names and labels follow what
// dashboards of the field expect. Labels come from bounded sets (routes, chains, codes), never from
// a client's text. Any thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace x402::ops {

using Label = std::pair<std::string, std::string>;

class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    void count(std::string_view name, std::initializer_list<Label> labels = {}, double by = 1);
    void gauge(std::string_view name, double value, std::initializer_list<Label> labels = {});
    void add(std::string_view name, double by,
             std::initializer_list<Label> labels = {});  // to a gauge
    void observe_seconds(std::string_view name, double seconds,
                         std::initializer_list<Label> labels = {});
    std::string render() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace x402::ops
