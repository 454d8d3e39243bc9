// SPDX-License-Identifier: Apache-2.0
#include "x402/ops/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>

namespace x402::ops {
namespace {

using Labels = std::map<std::string, std::string>;

Labels to_labels(std::initializer_list<Label> labels) {
    return {labels.begin(), labels.end()};
}

// From half a millisecond to a minute: checks are at one end, settlements at the other.
const prometheus::Histogram::BucketBoundaries& buckets() {
    static const prometheus::Histogram::BucketBoundaries kBuckets{
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
    return kBuckets;
}

}  // namespace

struct Metrics::State {
    mutable std::mutex mutex;
    prometheus::Registry registry;
    std::map<std::string, prometheus::Family<prometheus::Counter>*, std::less<>> counters;
    std::map<std::string, prometheus::Family<prometheus::Gauge>*, std::less<>> gauges;
    std::map<std::string, prometheus::Family<prometheus::Histogram>*, std::less<>> histograms;

    template <class Family, class Build>
    Family& family(std::map<std::string, Family*, std::less<>>& families, std::string_view name,
                   Build build) {
        const auto at = families.find(name);
        if (at != families.end()) return *at->second;
        Family& made = build().Name(std::string(name)).Register(registry);
        families.emplace(std::string(name), &made);
        return made;
    }
    prometheus::Gauge& gauge(std::string_view name, std::initializer_list<Label> labels) {
        return family(gauges, name, prometheus::BuildGauge).Add(to_labels(labels));
    }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::count(std::string_view name, std::initializer_list<Label> labels, double by) {
    const std::scoped_lock lock(state_->mutex);
    state_->family(state_->counters, name, prometheus::BuildCounter)
        .Add(to_labels(labels))
        .Increment(by);
}

void Metrics::gauge(std::string_view name, double value, std::initializer_list<Label> labels) {
    const std::scoped_lock lock(state_->mutex);
    state_->gauge(name, labels).Set(value);
}

void Metrics::add(std::string_view name, double by, std::initializer_list<Label> labels) {
    const std::scoped_lock lock(state_->mutex);
    state_->gauge(name, labels).Increment(by);
}

void Metrics::observe_seconds(std::string_view name, double seconds,
                              std::initializer_list<Label> labels) {
    const std::scoped_lock lock(state_->mutex);
    state_->family(state_->histograms, name, prometheus::BuildHistogram)
        .Add(to_labels(labels), buckets())
        .Observe(seconds);
}

std::string Metrics::render() const {
    const std::scoped_lock lock(state_->mutex);
    return prometheus::TextSerializer{}.Serialize(state_->registry.Collect());
}

}  // namespace x402::ops
