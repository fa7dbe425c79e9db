#include <algorithm>

#include "handlers.h"
#include "market/commitment.h"

namespace assay::server {
namespace {

/// How long a receipt promises to keep a blob that a transaction names. What a running job needs is
/// kept longer; what the ledger does not name yet is kept for an hour after the last receipt
/// (api/node/src/blob_collector.cc).
constexpr std::uint64_t kKeepMs = std::uint64_t{30} * 24 * 3600 * 1000;

Json receipt_json(const Context& context, const base::BlobRoot& root, std::uint64_t bytes) {
    const base::TimeMs kept_until{context.clock.now().value + kKeepMs};
    const base::Signature signature = context.receipt_key.sign(
        "assay.receipt", context.node.chain_id(), market::receipt_message(root, bytes, kept_until));
    return {{"blob", root.hex()},
            {"bytes", std::to_string(bytes)},
            {"kept_until_ms", std::to_string(kept_until.value)},
            {"store", context.receipt_key.public_key().hex()},
            {"signature", base::to_hex(signature.view())}};
}

Problem blob_problem(BlobProblem what) {
    switch (what) {
        case BlobProblem::too_large:
            return {413, "body_too_large", "the blob is larger than announced or allowed"};
        case BlobProblem::incomplete:
            return {400, "blob_incomplete", "the blob ended before its announced size"};
        case BlobProblem::wrong_root:
            return {422, "blob_wrong_root", "the bytes do not have the root in the path"};
        case BlobProblem::no_room:
            return {507, "blob_no_room",
                    "the store is full, or this address uploads more than its share"};
        case BlobProblem::storage:
            return {500, "internal", "the blob could not be written"};
    }
    return {500, "internal", ""};
}

struct Range {
    std::uint64_t first = 0, size = 0;
};

/// One range of a body of `bytes` bytes: "bytes=a-b", "bytes=a-", "bytes=-n". Nothing: cannot be
/// satisfied.
std::optional<Range> parse_range(std::string_view text, std::uint64_t bytes) {
    constexpr std::string_view kUnit = "bytes=";
    if (!text.starts_with(kUnit)) return std::nullopt;
    text.remove_prefix(kUnit.size());
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto number = [](std::string_view digits) -> std::optional<std::uint64_t> {
        if (digits.empty() || digits.size() > 18 ||
            !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
            return std::nullopt;
        return std::stoull(std::string(digits));
    };
    const auto first = number(text.substr(0, dash));
    const auto last = number(text.substr(dash + 1));
    if (!first && dash == 0 && last && *last > 0 && bytes > 0)
        return Range{bytes - std::min(*last, bytes), std::min(*last, bytes)};
    if (!first || *first >= bytes) return std::nullopt;
    if (dash + 1 == text.size()) return Range{*first, bytes - *first};
    if (!last || *last < *first) return std::nullopt;
    return Range{*first, std::min(*last, bytes - 1) - *first + 1};
}

class BlobUpload : public Upload {
  public:
    BlobUpload(Context& context, base::BlobRoot root, std::string request_id,
               std::unique_ptr<BlobStore::Writer> writer)
        : context_(context),
          root_(root),
          request_id_(std::move(request_id)),
          writer_(std::move(writer)) {}

    tl::expected<void, Problem> write(base::ByteView bytes) override {
        const auto written = writer_->write(bytes);
        if (!written) return tl::unexpected(blob_problem(written.error()));
        return {};
    }

    void finish(Respond respond) override {
        // Syncing takes as long as the disk wants, so it has no place on an I/O thread. The session
        // keeps this object until it has answered.
        const bool queued = context_.pool.post([this, respond] {
            const auto stored = writer_->finish();
            writer_.reset();
            if (!stored)
                return respond(problem_response(blob_problem(stored.error()), request_id_));
            respond(json_response(receipt_json(context_, root_, stored->bytes), 201));
        });
        if (!queued)
            respond(problem_response({503, "busy", "too many requests wait already"}, request_id_));
    }

  private:
    Context& context_;
    const base::BlobRoot root_;
    const std::string request_id_;
    std::unique_ptr<BlobStore::Writer> writer_;
};

}  // namespace

Response get_blob(Context& context, const Request& request, const PathValues& values) {
    const auto root = hash_value(values[0]);
    if (!root)
        return problem(request, 400, "bad_id", "a blob root is 64 lower-case hexadecimal digits");
    const auto info = context.blobs.find(base::BlobRoot{*root});
    if (!info) return problem(request, 404, "not_found", "this node does not have that blob");
    const std::string tag = "\"" + values[0] + "\"";
    Response response;
    response.content_type = "application/octet-stream";
    response.headers = {{"ETag", tag},
                        {"Accept-Ranges", "bytes"},
                        {"Cache-Control", "public, max-age=31536000, immutable"}};
    if (request.header("if-none-match") == tag) {
        response.status = 304;
        response.body = std::string();
        return response;
    }
    FileBody body{info->file, 0, info->bytes};
    const std::string_view range_text = request.header("range");
    const std::string_view if_range = request.header("if-range");
    if (!range_text.empty() && (if_range.empty() || if_range == tag)) {
        const auto range = parse_range(range_text, info->bytes);
        if (!range) {
            Response refused = problem(request, 416, "range_not_satisfiable",
                                       "one range bytes=a-b within the blob");
            refused.headers.emplace_back("Content-Range", "bytes */" + std::to_string(info->bytes));
            return refused;
        }
        response.status = 206;
        body.offset = range->first;
        body.size = range->size;
        response.headers.emplace_back("Content-Range",
                                      "bytes " + std::to_string(range->first) + "-" +
                                          std::to_string(range->first + range->size - 1) + "/" +
                                          std::to_string(info->bytes));
    }
    response.body = std::move(body);
    return response;
}

Response get_blob_receipt(Context& context, const Request& request, const PathValues& values) {
    const auto root = hash_value(values[0]);
    if (!root)
        return problem(request, 400, "bad_id", "a blob root is 64 lower-case hexadecimal digits");
    const auto info = context.blobs.promise(base::BlobRoot{*root});
    if (!info) return problem(request, 404, "not_found", "this node does not have that blob");
    return json_response(receipt_json(context, base::BlobRoot{*root}, info->bytes));
}

tl::expected<std::unique_ptr<Upload>, Problem> put_blob(Context& context, const Request& request,
                                                        const PathValues& values,
                                                        std::uint64_t bytes) {
    const auto root = hash_value(values[0]);
    if (!root)
        return tl::unexpected(
            Problem{400, "bad_id", "a blob root is 64 lower-case hexadecimal digits"});
    auto writer = context.blobs.begin(base::BlobRoot{*root}, bytes, request.address);
    if (!writer) return tl::unexpected(blob_problem(writer.error()));
    return std::make_unique<BlobUpload>(context, base::BlobRoot{*root}, request.id,
                                        std::move(*writer));
}

}  // namespace assay::server
