#include "client/client.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/encoding.h"
#include "client/json.h"
#include "json_reader.h"
#include "market/tables.h"
#include "transport.h"

namespace assay::client {
namespace {

constexpr std::size_t kAnswerBytesMax = 64U << 20U;
constexpr std::size_t kListEntryBytesMax = 1U << 20U, kListEntriesMax = 10'000;
constexpr std::uint32_t kPage = 200;

ClientError error_of(Failure failure, const std::string& url) {
    switch (failure) {
        case Failure::bad_url:
            return {0, "bad_url", "'" + url + "' is not http://host:port"};
        case Failure::refused:
            return {0, "unreachable", "no node answers at " + url};
        case Failure::timeout:
            return {0, "timeout", "the node at " + url + " did not answer in time"};
        case Failure::bad_answer:
            return {0, "bad_answer", "the answer from " + url + " is not usable"};
        case Failure::sink:
            return {0, "file", "a local file could not be read or written"};
    }
    ASSAY_CHECK(false);
    return {};
}

ClientError bad_answer(std::string detail) { return {0, "bad_answer", std::move(detail)}; }

/// What a problem document says; other bodies are shown as their status.
ClientError error_of(const Incoming& answer) {
    ClientError error{answer.status, "http_" + std::to_string(answer.status), ""};
    const auto json =
        parse_json({reinterpret_cast<const char*>(answer.body.data()), answer.body.size()});
    if (!json || !json->is_object()) return error;
    if (const auto code = json->find("code"); code != json->end() && code->is_string())
        error.code = code->get<std::string>();
    if (const auto detail = json->find("detail"); detail != json->end() && detail->is_string())
        error.detail = detail->get<std::string>();
    return error;
}

bool worth_repeating(const tl::expected<Incoming, Failure>& answer) {
    if (!answer) return answer.error() == Failure::refused || answer.error() == Failure::timeout;
    return answer->status == 503 || answer->status == 429;
}

/// The value of a decimal member of an answer.
std::uint64_t number_member(const Json& json, const char* name) {
    const auto found = json.find(name);
    if (found == json.end()) return 0;
    if (found->is_number_unsigned()) return found->get<std::uint64_t>();
    if (found->is_string()) return parse_u64(found->get_ref<const std::string&>()).value_or(0);
    return 0;
}
std::string text_member(const Json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string ClientError::text() const {
    std::string out = status == 0 ? code : std::to_string(status) + " " + code;
    return detail.empty() ? out : out + ": " + detail;
}

std::string Cursor::text() const { return std::to_string(height) + ":" + std::to_string(index); }

std::optional<Cursor> cursor_from_text(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto height = parse_u64(text.substr(0, colon));
    const auto index = parse_u64(text.substr(colon + 1));
    if (!height || !index || *index > UINT32_MAX) return std::nullopt;
    return Cursor{*height, static_cast<std::uint32_t>(*index)};
}

std::string_view EventRecord::get(std::string_view name) const {
    for (const auto& [key, value] : event.attributes) {
        if (key == name) return value;
    }
    return {};
}

struct Client::Impl {
    Impl(std::string url_in, ClientOptions options_in)
        : url(std::move(url_in)), options(std::move(options_in)) {
        if (const auto parts = split_url(url))
            transport.emplace(parts->first, parts->second, options.connect_timeout);
    }

    /// Sends until there is an answer that is worth having, or retry_for has passed. Once a sink
    /// has received bytes nothing is repeated here: only its owner knows where to go on.
    Result<Incoming> send(const Outgoing& request, std::size_t body_max = kAnswerBytesMax,
                          const Sink& sink = {}) {
        if (!transport) return tl::unexpected(error_of(Failure::bad_url, url));
        const std::lock_guard lock(mutex);
        const auto end = std::chrono::steady_clock::now() + options.retry_for;
        auto pause = options.backoff_first;
        bool sunk = false;
        Sink counted;
        if (sink)
            counted = [&](const Incoming& head, base::ByteView piece) {
                return sunk = true, sink(head, piece);
            };
        while (true) {
            auto answer = transport->exchange(request, body_max, counted);
            if (sunk || !worth_repeating(answer)) {
                if (!answer) return tl::unexpected(error_of(answer.error(), url));
                if (answer->status >= 400) return tl::unexpected(error_of(*answer));
                return std::move(*answer);
            }
            const bool stop = options.stop && options.stop();
            if (stop || std::chrono::steady_clock::now() + pause > end) {
                if (!answer) return tl::unexpected(error_of(answer.error(), url));
                return tl::unexpected(error_of(*answer));
            }
            if (options.waiting)
                options.waiting(answer ? error_of(*answer) : error_of(answer.error(), url));
            std::this_thread::sleep_for(pause);
            pause = std::min(pause * 2, options.backoff_max);
        }
    }

    Outgoing get(std::string target, std::string accept) const {
        Outgoing request;
        request.target = std::move(target);
        request.headers = {{"Accept", std::move(accept)}};
        request.deadline = options.request_timeout;
        return request;
    }

    Result<base::Bytes> bytes(std::string target, std::size_t body_max = kAnswerBytesMax) {
        auto answer = send(get(std::move(target), "application/octet-stream"), body_max);
        if (!answer) return tl::unexpected(answer.error());
        return std::move(answer->body);
    }

    Result<Json> json(const Outgoing& request) {
        const auto answer = send(request);
        if (!answer) return tl::unexpected(answer.error());
        auto parsed =
            parse_json({reinterpret_cast<const char*>(answer->body.data()), answer->body.size()},
                       kAnswerBytesMax);
        if (!parsed) return tl::unexpected(bad_answer("the answer " + parsed.error()));
        return std::move(*parsed);
    }

    template <class T>
    Result<T> object(base::ByteView key) {
        const auto raw = bytes("/v1/state/" + base::to_hex(key));
        if (!raw) return tl::unexpected(raw.error());
        auto value = market::decode<T>(*raw);
        if (!value) return tl::unexpected(bad_answer("an object of the state does not decode"));
        return std::move(*value);
    }

    /// u32 count, then that many sized entries.
    Result<std::vector<base::Bytes>> raw_list(const std::string& target) {
        const auto raw = bytes(target);
        if (!raw) return tl::unexpected(raw.error());
        base::Decoder in(*raw);
        const std::uint32_t count = in.length(kListEntriesMax);
        std::vector<base::Bytes> list;
        for (std::uint32_t i = 0; i < count && in.ok(); ++i)
            list.push_back(in.bytes(kListEntryBytesMax));
        if (!in.finished()) return tl::unexpected(bad_answer("a list does not decode"));
        return list;
    }

    template <class T>
    Result<std::vector<T>> page(const std::string& target) {
        const auto raws = raw_list(target);
        if (!raws) return tl::unexpected(raws.error());
        std::vector<T> values;
        for (const auto& raw : *raws) {
            auto value = market::decode<T>(raw);
            if (!value) return tl::unexpected(bad_answer("an object of a list does not decode"));
            values.push_back(std::move(*value));
        }
        return values;
    }

    /// All pages of a list whose entries have an id (`id_of` gives the `after` of the next page).
    template <class T, class IdOf>
    Result<std::vector<T>> list(const std::string& path, const IdOf& id_of) {
        std::vector<T> all;
        std::string after;
        while (true) {
            const char first = path.find('?') == std::string::npos ? '?' : '&';
            auto next = page<T>(path + first + "limit=" + std::to_string(kPage) + after);
            if (!next) return tl::unexpected(next.error());
            const bool last = next->size() < kPage;
            std::move(next->begin(), next->end(), std::back_inserter(all));
            if (last) return all;
            after = "&after=" + id_of(all.back());
        }
    }
    template <class T>
    Result<std::vector<T>> list(const std::string& path) {
        return list<T>(path, [](const T& value) { return value.id.hex(); });
    }

    Result<market::Receipt> receipt_of(const Result<Json>& json, const base::BlobRoot& root) {
        if (!json) return tl::unexpected(json.error());
        const auto receipt = receipt_from_json(*json);
        if (!receipt) return tl::unexpected(bad_answer(spec_error_text(receipt.error())));
        if (receipt->blob != root)
            return tl::unexpected(bad_answer("the receipt is of another blob"));
        return *receipt;
    }

    Result<market::Receipt> put(const base::BlobRoot& root, Outgoing request) {
        Outgoing ask = get("/v1/blobs/" + root.hex() + "/receipt", "application/json");
        const Result<Json> there = json(ask);
        if (there || !there.error().not_found()) return receipt_of(there, root);
        request.method = "PUT";
        request.target = "/v1/blobs/" + root.hex();
        request.headers = {{"Content-Type", "application/octet-stream"}};
        request.deadline = options.request_timeout;
        return receipt_of(json(request), root);
    }

    const std::string url;
    const ClientOptions options;
    std::optional<Transport> transport;
    std::mutex mutex;
};

Client::Client(std::string url, ClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(url), std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
const std::string& Client::url() const { return impl_->url; }

Result<Json> Client::get_json(std::string_view path) {
    return impl_->json(impl_->get(std::string(path), "application/json"));
}

Result<Json> Client::post_json(std::string_view path, const Json& body) {
    const std::string text = body.dump();
    Outgoing request = impl_->get(std::string(path), "application/json");
    request.method = "POST";
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = base::view_of(text);
    return impl_->json(request);
}

Result<base::Bytes> Client::get_bytes(std::string_view path, std::string_view accept) {
    auto answer = impl_->send(impl_->get(std::string(path), std::string(accept)));
    if (!answer) return tl::unexpected(answer.error());
    return std::move(answer->body);
}

Result<Submitted> Client::submit_transaction(base::ByteView raw) {
    Outgoing request = impl_->get("/v1/transactions", "application/json");
    request.method = "POST";
    request.headers.emplace_back("Content-Type", "application/octet-stream");
    request.body = raw;
    const auto json = impl_->json(request);
    if (!json) return tl::unexpected(json.error());
    const auto id = base::hash_from_hex(text_member(*json, "id"));
    const auto fee = base::amount_from_decimal(text_member(*json, "fee"));
    if (!id || !fee)
        return tl::unexpected(bad_answer("the answer to a transaction has no id or fee"));
    Submitted submitted{base::TransactionId{*id}, base::Height{number_member(*json, "height")},
                        *fee, false};
    submitted.repeated = json->value("repeated", false);
    return submitted;
}

Result<EventPage> Client::events(Cursor after, std::uint32_t limit,
                                 std::chrono::milliseconds wait) {
    std::string target =
        "/v1/events?limit=" + std::to_string(limit) + "&wait_ms=" + std::to_string(wait.count());
    if (after != Cursor{}) target += "&after=" + after.text();
    Outgoing request = impl_->get(std::move(target), "application/json");
    request.deadline += wait;
    const auto json = impl_->json(request);
    if (!json) return tl::unexpected(json.error());
    EventPage page{{}, after};
    const auto data = json->find("data");
    if (data == json->end() || !data->is_array())
        return tl::unexpected(bad_answer("an event page has no data"));
    for (const Json& entry : *data) {
        EventRecord record;
        const auto cursor = cursor_from_text(text_member(entry, "cursor"));
        const auto attributes = entry.find("attributes");
        if (!cursor || attributes == entry.end() || !attributes->is_object())
            return tl::unexpected(bad_answer("an event is not readable"));
        record.cursor = *cursor;
        record.time.value = number_member(entry, "time_ms");
        record.event.kind = text_member(entry, "kind");
        for (const auto& [name, value] : attributes->items()) {
            if (!value.is_string()) return tl::unexpected(bad_answer("an event is not readable"));
            record.event.attributes.emplace_back(name, value.get<std::string>());
        }
        page.next = record.cursor;
        page.events.push_back(std::move(record));
    }
    return page;
}

Result<market::Receipt> Client::put_blob(base::ByteView bytes) {
    Outgoing request;
    request.body = bytes;
    return impl_->put(base::blob_root(bytes), request);
}

Result<market::Receipt> Client::put_blob_file(const std::filesystem::path& file) {
    const auto root = base::blob_root_of_file(file);
    if (!root) return tl::unexpected(ClientError{0, "file", "cannot read " + file.string()});
    return put_blob_file(file, *root);
}

Result<market::Receipt> Client::put_blob_file(const std::filesystem::path& file,
                                              const base::BlobRoot& root) {
    Outgoing request;
    request.body_file = file;
    return impl_->put(root, request);
}

Result<market::Receipt> Client::blob_receipt(const base::BlobRoot& root) {
    return impl_->receipt_of(
        impl_->json(impl_->get("/v1/blobs/" + root.hex() + "/receipt", "application/json")), root);
}

Result<bool> Client::blob_exists(const base::BlobRoot& root) {
    Outgoing request = impl_->get("/v1/blobs/" + root.hex(), "application/octet-stream");
    request.method = "HEAD";
    const auto answer = impl_->send(request);
    if (answer) return true;
    if (answer.error().not_found()) return false;
    return tl::unexpected(answer.error());
}

Result<void> Client::get_blob(const base::BlobRoot& root, const std::filesystem::path& file) {
    if (base::blob_root_of_file(file) == root) return {};
    const std::filesystem::path part = file.string() + ".part";
    const auto size_of_part = [&] {
        std::error_code missing;
        const std::uint64_t size = std::filesystem::file_size(part, missing);
        return missing ? std::uint64_t{0} : size;
    };
    // What an earlier process left may be damaged: then everything is fetched again, once. A
    // connection that broke after some progress goes on where it stopped.
    for (int damaged = 0; damaged < 2;) {
        const std::uint64_t have = size_of_part();
        std::ofstream out(part, std::ios::binary | (have > 0 ? std::ios::app : std::ios::trunc));
        Outgoing request = impl_->get("/v1/blobs/" + root.hex(), "application/octet-stream");
        if (have > 0) request.headers.emplace_back("Range", "bytes=" + std::to_string(have) + "-");
        bool first = true;
        const auto answer =
            impl_->send(request, kAnswerBytesMax, [&](const Incoming& head, base::ByteView piece) {
                if (first && have > 0 && head.status != 206) {  // the node ignored the range
                    out.close();
                    out.open(part, std::ios::binary | std::ios::trunc);
                }
                first = false;
                out.write(reinterpret_cast<const char*>(piece.data()),
                          static_cast<std::streamsize>(piece.size()));
                return static_cast<bool>(out);
            });
        out.close();
        if (!answer && answer.error().status == 0 && answer.error().code != "file" &&
            size_of_part() > have)
            continue;
        if (!answer && answer.error().status != 416) return tl::unexpected(answer.error());
        std::error_code error;
        if (base::blob_root_of_file(part) == root) {
            std::filesystem::rename(part, file, error);
            if (error)
                return tl::unexpected(ClientError{0, "file", "cannot write " + file.string()});
            return {};
        }
        std::filesystem::remove(part, error);
        ++damaged;
    }
    return tl::unexpected(
        ClientError{0, "bad_blob", "the node's bytes do not have the root " + root.hex()});
}

Result<base::Bytes> Client::get_blob_bytes(const base::BlobRoot& root, std::size_t size_max) {
    auto bytes = impl_->bytes("/v1/blobs/" + root.hex(), size_max);
    if (bytes && base::blob_root(*bytes) != root)
        return tl::unexpected(
            ClientError{0, "bad_blob", "the node's bytes do not have the root " + root.hex()});
    return bytes;
}

Result<ChainInfo> Client::chain() {
    const auto json = get_json("/v1/chain");
    if (!json) return tl::unexpected(json.error());
    std::optional<market::SpecError> error;
    ObjectReader reader(*json, "chain", error);
    ChainInfo info;
    info.chain_id = reader.hash("chain_id");
    info.operator_key = reader.key("operator_key");
    info.height.value = reader.u64("height");
    info.app_hash = reader.hash("app_hash");
    info.block_time.value = reader.u64("block_time_ms");
    info.live_time.value = reader.u64("live_time_ms");
    info.base_fee = reader.amount("base_fee");
    info.app_version = reader.u32("app_version");
    const auto parameters = parameters_from_json(reader.member("parameters"), {});
    if (!parameters && !error) error = parameters.error();
    if (error) return tl::unexpected(bad_answer(spec_error_text(*error)));
    info.parameters = *parameters;
    return info;
}

Result<std::uint64_t> Client::next_nonce(const base::AccountId& id, std::uint32_t nonce_lane) {
    const auto json =
        get_json("/v1/accounts/" + id.hex() + "?nonce_lane=" + std::to_string(nonce_lane));
    if (!json) return tl::unexpected(json.error());
    return number_member(*json, "next_nonce");
}

Result<market::JobSpec> Client::job_spec(const base::JobId& id) {
    const auto raw = impl_->bytes("/v1/jobs/" + id.hex() + "/spec");
    if (!raw) return tl::unexpected(raw.error());
    auto spec = market::decode_spec(*raw);
    if (!spec) return tl::unexpected(bad_answer(spec_error_text(spec.error())));
    return std::move(*spec);
}

Result<std::vector<base::Bytes>> Client::history(const base::JobId& id, std::uint64_t first) {
    std::vector<base::Bytes> all;
    while (true) {
        auto page =
            impl_->raw_list("/v1/jobs/" + id.hex() + "/history?limit=" + std::to_string(kPage) +
                            "&first=" + std::to_string(first + all.size()));
        if (!page) return tl::unexpected(page.error());
        const bool last = page->size() < kPage;
        std::move(page->begin(), page->end(), std::back_inserter(all));
        if (last) return all;
    }
}

Result<base::Bytes> Client::state_value(base::ByteView key) {
    return impl_->bytes("/v1/state/" + base::to_hex(key));
}

Result<market::Account> Client::account(const base::AccountId& id) {
    return impl_->object<market::Account>(market::account_key(id));
}
Result<market::Job> Client::job(const base::JobId& id) {
    return impl_->object<market::Job>(market::job_key(id));
}
Result<std::vector<market::Job>> Client::jobs(std::string_view state) {
    return impl_->list<market::Job>(state.empty() ? "/v1/jobs"
                                                  : "/v1/jobs?state=" + std::string(state));
}
Result<std::vector<market::Lane>> Client::lanes(const base::JobId& id) {
    return impl_->list<market::Lane>(
        "/v1/jobs/" + id.hex() + "/lanes",
        [](const market::Lane& lane) { return std::to_string(lane.lane); });
}
Result<market::Round> Client::round(const base::JobId& id, std::uint32_t round) {
    return impl_->object<market::Round>(market::round_key(id, round));
}
Result<std::vector<market::Part>> Client::parts(const base::JobId& id) {
    return impl_->list<market::Part>("/v1/jobs/" + id.hex() + "/parts");
}
Result<std::vector<market::Audit>> Client::job_audits(const base::JobId& id) {
    return impl_->list<market::Audit>("/v1/jobs/" + id.hex() + "/audits");
}
Result<std::vector<market::Question>> Client::job_questions(const base::JobId& id) {
    return impl_->list<market::Question>("/v1/jobs/" + id.hex() + "/questions");
}
Result<std::vector<market::Question>> Client::questions_owed(const base::AccountId& obliged) {
    return impl_->list<market::Question>("/v1/questions?obliged=" + obliged.hex());
}
Result<std::vector<market::Question>> Client::questions_asked(const base::AccountId& asker) {
    return impl_->list<market::Question>("/v1/questions?asker=" + asker.hex());
}
Result<market::Question> Client::question(const base::Hash& id) {
    return impl_->object<market::Question>(market::question_key(id));
}
Result<base::Bytes> Client::question_state(const base::Hash& id) {
    return state_value(market::question_bytes_key(id));
}
Result<market::QuestionDuty> Client::question_duty(const base::AccountId& account) {
    return impl_->object<market::QuestionDuty>(market::question_duty_key(account));
}
Result<market::Part> Client::part(const base::PartId& id) {
    return impl_->object<market::Part>(market::part_key(id));
}
Result<market::Lease> Client::lease(const base::LeaseId& id) {
    return impl_->object<market::Lease>(market::lease_key(id));
}
Result<std::vector<market::Lease>> Client::leases_of(const base::AccountId& worker) {
    return impl_->list<market::Lease>("/v1/leases?worker=" + worker.hex());
}
Result<market::Audit> Client::audit(const base::AuditId& id) {
    return impl_->object<market::Audit>(market::audit_key(id));
}
Result<std::vector<market::Audit>> Client::audits_of(const base::AccountId& validator) {
    return impl_->list<market::Audit>("/v1/audits?validator=" + validator.hex());
}
Result<std::vector<market::Claim>> Client::claims_of(const base::PartId& subject) {
    return impl_->list<market::Claim>(
        "/v1/claims/" + subject.hex(),
        [](const market::Claim& claim) { return std::to_string(claim.segment); });
}
Result<market::Claim> Client::claim(const base::PartId& subject, std::uint32_t segment) {
    return impl_->object<market::Claim>(market::claim_key(subject, segment));
}
Result<std::vector<market::Audit>> Client::audits_of_claim(const base::PartId& subject,
                                                           std::optional<std::uint32_t> segment) {
    const std::string of = segment ? "&segment=" + std::to_string(*segment) : "";
    return impl_->page<market::Audit>("/v1/claims/" + subject.hex() +
                                      "/audits?limit=" + std::to_string(kPage) + of);
}
Result<std::vector<market::Offer>> Client::offers() {
    return impl_->page<market::Offer>("/v1/offers?limit=" + std::to_string(kPage));
}
Result<std::vector<market::Offer>> Client::offers_of(const base::AccountId& worker) {
    return impl_->page<market::Offer>("/v1/offers?limit=" + std::to_string(kPage) +
                                      "&worker=" + worker.hex());
}
Result<market::Epoch> Client::epoch(std::uint64_t number) {
    return impl_->object<market::Epoch>(market::epoch_key(number));
}
Result<std::vector<market::EpochMember>> Client::epoch_members(std::uint64_t number) {
    return impl_->list<market::EpochMember>(
        "/v1/epochs/" + std::to_string(number) + "/members",
        [](const market::EpochMember& member) { return member.validator.hex(); });
}
Result<market::EpochMember> Client::epoch_member(std::uint64_t number,
                                                 const base::AccountId& validator) {
    return impl_->object<market::EpochMember>(market::epoch_member_key(number, validator));
}
Result<market::MergeRecord> Client::merge(const base::JobId& id, std::uint32_t round) {
    return impl_->object<market::MergeRecord>(market::merge_key(id, round));
}
Result<market::Dispute> Client::dispute(const base::DisputeId& id) {
    return impl_->object<market::Dispute>(market::dispute_key(id));
}
Result<std::vector<market::Dispute>> Client::disputes_of(const base::AccountId& account,
                                                         market::Side side) {
    return impl_->list<market::Dispute>("/v1/disputes?account=" + account.hex() +
                                        "&side=" + std::string(market::to_word(side)));
}
Result<std::vector<market::Dispute>> Client::disputes_of_job(const base::JobId& id, bool open) {
    return impl_->list<market::Dispute>("/v1/jobs/" + id.hex() +
                                        "/disputes?state=" + (open ? "open" : "over"));
}
Result<GameView> Client::game(const base::DisputeId& id) {
    const auto raw = impl_->bytes("/v1/disputes/" + id.hex() + "/game");
    if (!raw) return tl::unexpected(raw.error());
    base::Decoder in(*raw);
    const auto subject = market::decode_subject(in.bytes(kAnswerBytesMax));
    GameView view{subject.value_or(market::GameSubject{}), in.bytes(market::kGameBytesMax)};
    if (!subject || !in.finished()) return tl::unexpected(bad_answer("the game does not decode"));
    return view;
}
Result<std::vector<market::Pool>> Client::pools_of(const base::PartId& part,
                                                   std::optional<std::uint32_t> segment) {
    const std::string of = segment ? "&segment=" + std::to_string(*segment) : "";
    return impl_->page<market::Pool>("/v1/pools?part=" + part.hex() +
                                     "&limit=" + std::to_string(kPage) + of);
}
Result<market::Pool> Client::pool(const base::Hash& id) {
    return impl_->object<market::Pool>(market::pool_key(id));
}
Result<std::vector<market::PoolMember>> Client::pool_members(const base::Hash& id) {
    return impl_->list<market::PoolMember>(
        "/v1/pools/" + id.hex() + "/members",
        [](const market::PoolMember& member) { return std::to_string(member.number); });
}
Result<market::GameLoad> Client::game_load(const base::AccountId& account) {
    return impl_->object<market::GameLoad>(market::game_load_key(account));
}
Result<market::WorkRecord> Client::work_record(const base::AccountId& worker) {
    return impl_->object<market::WorkRecord>(market::record_key(worker));
}
Result<market::Stake> Client::stake(const base::AccountId& id, market::Role role) {
    return impl_->object<market::Stake>(market::stake_key(id, role));
}
Result<market::Validator> Client::validator(const base::AccountId& id) {
    return impl_->object<market::Validator>(market::validator_key(id));
}

}  // namespace assay::client
