#include "handlers.h"
#include "server/openapi.h"

namespace assay::server {

Response get_livez(Context&, const Request&, const PathValues&) {
    return json_response({{"status", "alive"}});
}

Response get_readyz(Context& context, const Request& request, const PathValues&) {
    if (context.draining) return problem(request, 503, "draining", "the node is shutting down");
    if (!context.blobs.disk_has_room(0))
        return problem(request, 503, "disk_full", "the disk has less than its reserve left");
    return json_response({{"status", "ready"}});
}

Response get_version(Context& context, const Request&, const PathValues&) {
    const ledger::Snapshot snapshot = context.node.snapshot();
    return json_response({{"name", "assayd"},
                          {"version", "0.1.0"},
                          {"app_version", snapshot.head().app_version},
                          {"api", "v1"}});
}

Response get_metrics(Context& context, const Request&, const PathValues&) {
    Metrics& metrics = context.metrics;
    const ledger::Metrics node = context.node.metrics();
    const auto set = [&](const char* name, const char* help, std::uint64_t value) {
        metrics.set(name, help, static_cast<double>(value));
    };
    set("assay_ledger_height", "Height of the head", context.node.snapshot().head().height.value);
    set("assay_ledger_blocks", "Blocks made since start", node.blocks);
    set("assay_ledger_transactions", "Transactions in blocks since start", node.transactions);
    set("assay_ledger_refused_in_block", "Transactions refused in a block since start",
        node.refused_in_block);
    set("assay_ledger_refused_at_admission", "Transactions refused against the head since start",
        node.refused_at_admission);
    set("assay_ledger_refused_busy", "Transactions refused because the queue was full since start",
        node.refused_busy);
    set("assay_ledger_events", "Events since start", node.events);
    set("assay_ledger_block_bytes", "Bytes of blocks written since start", node.block_bytes);
    set("assay_ledger_queue_transactions", "Transactions waiting", node.queue_transactions);
    set("assay_ledger_queue_bytes", "Bytes of transactions waiting", node.queue_bytes);
    metrics.set("assay_ledger_execute_seconds", "Time in the rules since start",
                static_cast<double>(node.execute_us) * 1e-6);
    metrics.set("assay_ledger_tree_seconds", "Time in the trees since start",
                static_cast<double>(node.tree_us) * 1e-6);
    metrics.set("assay_ledger_write_seconds", "Time in synced writes since start",
                static_cast<double>(node.write_us) * 1e-6);
    set("assay_blob_store_bytes", "Bytes of visible blobs", context.blobs.bytes_stored());
    set("assay_blob_store_blobs", "Visible blobs", context.blobs.count());
    set("assay_api_waiting_requests", "Requests waiting for a worker thread",
        context.pool.queued());
    set("assay_api_event_waiters", "Requests waiting for a block", context.hub.waiting());
    Response response;
    response.content_type = "text/plain; version=0.0.4";
    response.body = metrics.text();
    return response;
}

Response get_openapi(Context&, const Request&, const PathValues&) {
    Response response;
    response.body = std::string(openapi_document());
    return response;
}

}  // namespace assay::server
