#include "metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>

namespace assay::server {

struct Metrics::Impl {
    prometheus::Registry registry;
    prometheus::Family<prometheus::Counter>& requests =
        prometheus::BuildCounter()
            .Name("assay_http_requests_total")
            .Help("Requests by route template, method and status")
            .Register(registry);
    prometheus::Family<prometheus::Histogram>& seconds =
        prometheus::BuildHistogram()
            .Name("assay_http_request_seconds")
            .Help("Time from the first byte of the head to the last of the answer")
            .Register(registry);
    prometheus::Family<prometheus::Counter>& sent = prometheus::BuildCounter()
                                                        .Name("assay_http_response_bytes_total")
                                                        .Help("Bytes of answers, heads included")
                                                        .Register(registry);
    std::mutex mutex;
    std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::request(std::string_view route, std::string_view method, int status, double seconds,
                      std::uint64_t bytes) {
    static const prometheus::Histogram::BucketBoundaries kBuckets{0.001, 0.003, 0.01, 0.03, 0.1,
                                                                  0.3,   1,     3,    10,   30};
    const std::string name(route);
    impl_->requests
        .Add({{"route", name}, {"method", std::string(method)}, {"status", std::to_string(status)}})
        .Increment();
    impl_->seconds.Add({{"route", name}}, kBuckets).Observe(seconds);
    impl_->sent.Add({{"route", name}}).Increment(static_cast<double>(bytes));
}

void Metrics::set(const std::string& name, const std::string& help, double value) {
    const std::lock_guard lock(impl_->mutex);
    auto& family = impl_->gauges[name];
    if (family == nullptr)
        family = &prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
    family->Add({}).Set(value);
}

std::string Metrics::text() const {
    return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace assay::server
