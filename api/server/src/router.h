#pragma once

#include <atomic>

#include "handlers.h"

namespace assay::server {

/// Finds the route of a request, checks what the route says about query and body, and runs its
/// handler on the worker pool. Thread-safe.
class Router : public Application {
  public:
    explicit Router(Context& context) : context_(context) {}
    tl::expected<BodyPlan, Problem> plan(const Request& request,
                                         std::uint64_t content_length) override;
    void handle(Request request, Deliver deliver) override;
    void observe(const Request& request, int status, std::uint64_t bytes, double seconds) override;
    std::string next_request_id() override;

  private:
    Context& context_;
    std::atomic<std::uint64_t> request_number_{0};
};

/// The route and its path values, or why there is none (404, 405).
struct Match {
    const Route* route = nullptr;
    PathValues values;
};
tl::expected<Match, Problem> match_route(Method method, std::string_view path);

}  // namespace assay::server
