#include <unistd.h>

#include <bit>
#include <cmath>

#include "client/json.h"
#include "watch.h"

namespace assay::cli {
namespace {

constexpr std::chrono::milliseconds kWait{5000};
constexpr std::size_t kBarWidth = 24;

/// The mean of the losses that the lanes' last steps of the newest committed round ended with.
std::optional<double> newest_loss(const std::vector<market::Part>& parts) {
    double sum = 0;
    std::uint32_t count = 0, round = 0;
    for (const market::Part& part : parts) {
        const float loss = std::bit_cast<float>(part.last_loss_bits);
        if (part.state == market::PartState::void_ || part.state == market::PartState::retracted ||
            part.last_loss_bits == 0 || !std::isfinite(loss))
            continue;
        if (part.key.round > round || count == 0) sum = 0, count = 0, round = part.key.round;
        if (part.key.round == round) sum += static_cast<double>(loss), ++count;
    }
    if (count == 0) return std::nullopt;
    return sum / count;
}

std::string bar(std::uint32_t done, std::uint32_t all) {
    const std::size_t filled = all == 0 ? 0 : kBarWidth * done / all;
    return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

/// "  lane 0 waits for audit_funds" of the lanes that stand still.
std::string waits_of(const std::vector<market::Lane>& lanes) {
    std::string text;
    for (const market::Lane& lane : lanes) {
        if (lane.wait != market::LaneWait::none)
            text += "  lane " + std::to_string(lane.lane) +
                    " waits: " + std::string(market::to_word(lane.wait));
    }
    return text;
}

std::string line_of(const market::Job& job, const std::optional<double>& loss,
                    const std::string& waits) {
    std::string text = bar(job.round, job.shape.rounds) + " " +
                       std::string(market::to_word(job.state)) + "  round " +
                       std::to_string(job.round) + "/" + std::to_string(job.shape.rounds) +
                       "  final " + std::to_string(job.final_rounds) + "  workers " +
                       std::to_string(job.active_leases);
    if (loss) {
        std::array<char, 32> number{};
        std::snprintf(number.data(), number.size(), "  loss %.4f", *loss);
        text += number.data();
    }
    if (job.state == market::JobState::open && !job.init_passed)
        text += "  initial state is being audited";
    if (job.open_disputes > 0) text += "  disputes " + std::to_string(job.open_disputes);
    if (job.open_questions > 0) text += "  questions " + std::to_string(job.open_questions);
    text += waits;
    return text + "  paid " + grains(job.spent.workers);
}

std::string closing_text(const market::Job& job) {
    const auto& spent = job.spent;
    return "job " + job.id.hex() + " " + std::string(market::to_word(job.state)) + " (" +
           std::string(market::to_word(job.reason)) + ")\n" + "final root " + job.final_root.hex() +
           " after " + std::to_string(job.final_rounds) + " rounds\n" + "workers " +
           grains(spent.workers) + ", auditors " + grains(spent.auditors) + ", protocol fee " +
           grains(spent.protocol_fees) +
           (spent.unproved.is_zero() ? "" : ", unproved and burned " + grains(spent.unproved)) +
           ", refunded " + grains(spent.refunded);
}

bool concerns(const client::EventRecord& record, const std::string& job) {
    return record.get("job") == job || record.get("id") == job;
}

}  // namespace

Exit watch_job(const Program& program, client::Client& client, const base::JobId& id,
               const std::function<void()>& look) {
    const bool terminal = !program.globals.json && ::isatty(STDOUT_FILENO) != 0;
    const std::string hex = id.hex();
    client::Cursor cursor;
    std::string shown;
    while (true) {
        const auto job = client.job(id);
        if (!job) return fail(program, failure_of(job.error()));
        if (!program.globals.json) {
            const auto parts = client.parts(id);
            const auto lanes = client.lanes(id);
            const std::string line = line_of(*job, parts ? newest_loss(*parts) : std::nullopt,
                                             lanes ? waits_of(*lanes) : std::string());
            if (line != shown) std::printf(terminal ? "\r\033[K%s" : "%s\n", line.c_str());
            std::fflush(stdout);
            shown = line;
        }
        const bool over = market::is_terminal(job->state);
        if (look && !over) look();
        // In pages until something concerns this job; once it is over, to the end of the log before
        // the last word is said.
        for (bool mine = false; !mine;) {
            const auto page =
                client.events(cursor, 500, over ? std::chrono::milliseconds(0) : kWait);
            if (!page) return fail(program, failure_of(page.error()));
            cursor = page->next;
            for (const auto& record : page->events) {
                if (!concerns(record, hex)) continue;
                mine = !over;
                if (!program.globals.json) continue;
                Json attributes = Json::object();
                for (const auto& [name, value] : record.event.attributes) attributes[name] = value;
                std::printf("%s\n", Json{{"cursor", record.cursor.text()},
                                         {"time_ms", std::to_string(record.time.value)},
                                         {"kind", record.event.kind},
                                         {"attributes", attributes}}
                                        .dump()
                                        .c_str());
            }
            std::fflush(stdout);
            if (page->events.empty()) break;
        }
        if (!over) continue;
        if (terminal) std::printf("\r\033[K");
        if (program.globals.json) {
            std::printf("%s\n", client::json_of(*job).dump().c_str());
        } else {
            std::printf("%s\n", closing_text(*job).c_str());
        }
        return job->state == market::JobState::completed ? Exit::done : Exit::ended_badly;
    }
}

void add_watch_command(CLI::App& app, Program& program) {
    auto job = std::make_shared<std::string>();
    auto* command = app.add_subcommand("watch", "Follow a job until it ends");
    command->add_option("job", *job, "Job id")->required();
    program.on(command, [&program, job] {
        const auto id = parse_id(*job, "the job");
        if (!id) return fail(program, id.error());
        client::Client client = connect(program);
        return watch_job(program, client, base::JobId{*id});
    });
}

}  // namespace assay::cli
