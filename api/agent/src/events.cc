#include "agent/events.h"

#include <utility>

#include "agent/durable_file.h"
#include "agent/log.h"

namespace assay::agent {

namespace {

constexpr std::uint32_t kEventsMax = 500;

}  // namespace

EventFollower::EventFollower(client::Client& node, std::filesystem::path file)
    : node_(node), file_(std::move(file)) {
    if (const auto saved = load_file(file_, 64)) {
        cursor_ =
            client::cursor_from_text({reinterpret_cast<const char*>(saved->data()), saved->size()});
    }
}

client::Result<std::vector<client::EventRecord>> EventFollower::next(
    std::chrono::milliseconds wait) {
    if (!cursor_) {
        const auto chain = node_.chain();
        if (!chain) return tl::unexpected(chain.error());
        cursor_ = client::Cursor{chain->height.value, 0};
    }
    auto page = node_.events(*cursor_, kEventsMax, wait);
    if (!page) return tl::unexpected(page.error());
    if (page->next != *cursor_) {
        cursor_ = page->next;
        const std::string text = cursor_->text();
        // A cursor that cannot be written only means lines told twice after a restart.
        static_cast<void>(save_durable(file_, base::view_of(text)));
    }
    return std::move(page->events);
}

void log_events_about(const std::vector<client::EventRecord>& events,
                      const base::AccountId& account) {
    const std::string id = account.hex();
    for (const client::EventRecord& record : events) {
        bool concerns = false;
        LogFields fields;
        for (const auto& [name, value] : record.event.attributes) {
            concerns = concerns || value == id;
            if (value != id)
                fields.emplace_back(name, value.size() == id.size() ? shortened(value) : value);
        }
        if (concerns) log(LogLevel::info, record.event.kind, "on the ledger", fields);
    }
}

}  // namespace assay::agent
