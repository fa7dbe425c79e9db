#pragma once

#include <memory>
#include <tl/expected.hpp>

#include "http_types.h"

/// What a session (socket side) asks of the application (handlers side).
namespace assay::server {

/// Receives the body of an upload piece by piece, in the session's thread. Destroyed without
/// `finish`: everything received is discarded.
class Upload {
  public:
    virtual ~Upload() = default;
    virtual tl::expected<void, Problem> write(base::ByteView bytes) = 0;
    /// Checks, makes durable and answers. Called once, after the last byte; may answer from another
    /// thread.
    virtual void finish(Respond respond) = 0;
};

/// Endless body of an event stream, pulled by the session: it asks again only when the last piece
/// is written, so a slow client holds one piece and nothing queues up.
class EventFeed {
  public:
    virtual ~EventFeed() = default;
    /// Calls `ready` once, from any thread, with bytes to write; empty bytes end the stream.
    virtual void next(std::function<void(std::string)> ready) = 0;
};

/// What to do with a request whose head is known.
struct BodyPlan {
    std::uint64_t bytes_max = 0;
    std::unique_ptr<Upload> upload;  ///< set: the body goes there
};

/// A response, or the start of an event stream (status 200).
struct Answer {
    Response response;
    std::shared_ptr<EventFeed> feed;
};
using Deliver = std::function<void(Answer)>;

/// Implemented by the router; called from any session's thread.
class Application {
  public:
    virtual ~Application() = default;
    /// Decides before the body is read. A refusal is sent at once.
    virtual tl::expected<BodyPlan, Problem> plan(const Request& request,
                                                 std::uint64_t content_length) = 0;
    /// Handles a request with its body. `deliver` is called exactly once, from any thread.
    virtual void handle(Request request, Deliver deliver) = 0;
    /// After each answer: for metrics and logs. `route` is the request's route template.
    virtual void observe(const Request& request, int status, std::uint64_t bytes,
                         double seconds) = 0;
    /// A fresh request id.
    virtual std::string next_request_id() = 0;
};

}  // namespace assay::server
