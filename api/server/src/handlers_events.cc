#include <algorithm>
#include <charconv>

#include "handlers.h"

namespace assay::server {
namespace {

constexpr std::uint64_t kPageDefault = 100, kPageMax = ledger::Snapshot::kEventsMax;

std::string cursor_text(const ledger::EventCursor& cursor) {
    return std::to_string(cursor.height.value) + ":" + std::to_string(cursor.index);
}

std::optional<ledger::EventCursor> parse_cursor(std::string_view text) {
    ledger::EventCursor cursor;
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto whole = [](std::string_view digits, auto& value) {
        const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return !digits.empty() && end.ec == std::errc() && end.ptr == digits.data() + digits.size();
    };
    if (!whole(text.substr(0, colon), cursor.height.value) ||
        !whole(text.substr(colon + 1), cursor.index))
        return std::nullopt;
    return cursor;
}

Json event_json(const ledger::StoredEvent& event) {
    Json attributes = Json::object();
    for (const auto& [name, value] : event.event.attributes) attributes[name] = value;
    return {{"cursor", cursor_text(event.cursor)},
            {"time_ms", std::to_string(event.time.value)},
            {"kind", event.event.kind},
            {"attributes", std::move(attributes)}};
}

/// A question that may be asked again after each block.
struct Query {
    std::optional<ledger::EventCursor> after;
    std::size_t limit = kPageDefault;
};

struct Page {
    std::vector<ledger::StoredEvent> events;
    std::uint64_t seen_height = 0;  ///< of the snapshot that was read: a later block may bring more
};

Page read_page(const Context& context, const Query& query) {
    const ledger::Snapshot snapshot = context.node.snapshot();
    return {snapshot.events(query.after, query.limit), snapshot.head().height.value};
}

Response page_response(const Page& page, const Query& query) {
    Json data = Json::array();
    for (const auto& event : page.events) data.push_back(event_json(event));
    std::string next = page.events.empty() ? (query.after ? cursor_text(*query.after) : "")
                                           : cursor_text(page.events.back().cursor);
    return json_response({{"object", "list"},
                          {"has_more", page.events.size() == query.limit},
                          {"data", std::move(data)},
                          {"next", std::move(next)},
                          {"height", std::to_string(page.seen_height)}});
}

/// Long poll: answers at once when there is something, else after the block that brings something,
/// else empty at the deadline.
void poll(Context& context, std::string request_id, Query query,
          std::chrono::steady_clock::time_point deadline, Deliver deliver) {
    const Page page = read_page(context, query);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (!page.events.empty() || left.count() <= 0 || context.hub.stopped())
        return deliver({page_response(page, query), nullptr});
    const bool waits =
        context.hub.wait(page.seen_height, left, [&context, request_id, query, deadline, deliver] {
            poll(context, request_id, query, deadline, deliver);
        });
    if (!waits)
        deliver({problem_response({503, "busy", "too many clients wait for events"}, request_id),
                 nullptr});
}

/// Server-sent events. Holds a cursor, never a queue: a slow client reads an old part of the log.
class SseFeed : public EventFeed, public std::enable_shared_from_this<SseFeed> {
  public:
    SseFeed(Context& context, Query query) : context_(context), query_(std::move(query)) {}

    void next(std::function<void(std::string)> ready) override {
        const bool queued =
            context_.pool.post([self = shared_from_this(), ready] { self->produce(ready, true); });
        if (!queued) ready(": busy\n\n");
    }

  private:
    void produce(const std::function<void(std::string)>& ready, bool may_wait) {
        const Page page = read_page(context_, query_);
        if (!page.events.empty()) {
            query_.after = page.events.back().cursor;
            return ready(text_of(page.events));
        }
        if (context_.hub.stopped()) return ready({});
        if (!may_wait) return ready(": heartbeat\n\n");
        // A block without events wakes this too; then the client gets its heartbeat a little early.
        const bool waits =
            context_.hub.wait(page.seen_height, context_.limits.event_heartbeat,
                              [self = shared_from_this(), ready] { self->produce(ready, false); });
        if (!waits) ready({});
    }

    static std::string text_of(const std::vector<ledger::StoredEvent>& events) {
        std::string text;
        for (const auto& event : events) {
            text += "id: " + cursor_text(event.cursor) + "\nevent: " + event.event.kind +
                    "\ndata: " +
                    event_json(event).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
        }
        return text;
    }

    Context& context_;
    Query query_;
};

}  // namespace

void get_events(Context& context, Request request, const PathValues&, Deliver deliver) {
    const auto refuse = [&](const Problem& problem) {
        deliver({problem_response(problem, request.id), nullptr});
    };
    const auto limit = number_query(request, "limit", kPageDefault, kPageMax);
    if (!limit) return refuse(limit.error());
    const auto wait = number_query(
        request, "wait_ms", 0, static_cast<std::uint64_t>(context.limits.event_wait_max.count()));
    if (!wait) return refuse(wait.error());
    if (*limit == 0) return refuse({400, "bad_query", "limit must be at least 1"});
    Query query{std::nullopt, static_cast<std::size_t>(*limit)};
    const auto after = request.query.find("after");
    const std::string_view resume = request.header("last-event-id");
    const std::string_view cursor = !resume.empty()                ? resume
                                    : after != request.query.end() ? std::string_view(after->second)
                                                                   : std::string_view();
    if (!cursor.empty()) {
        query.after = parse_cursor(cursor);
        if (!query.after) return refuse({400, "bad_query", "a cursor is height:index"});
    }
    if (!request.accepts("text/event-stream")) {
        return poll(context, request.id, query,
                    std::chrono::steady_clock::now() + std::chrono::milliseconds(*wait),
                    std::move(deliver));
    }
    Answer answer;
    answer.response.content_type = "text/event-stream";
    answer.response.headers = {{"Cache-Control", "no-store"}};
    answer.feed = std::make_shared<SseFeed>(context, query);
    deliver(std::move(answer));
}

}  // namespace assay::server
