// What is committed and stored is there, and is what its root says: decided by questions, never by
// a claim. Who committed to a blob shows any chunk of it that somebody asks for; who committed to a
// root shows any nodes of its tree, down to a tile, and when the stored blob has other bytes at
// that tile's place, it was garbage behind a true receipt. Silence is treated like work done
// wrongly: otherwise withholding would be the cheap exit of a cheat that was drawn.

#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "disputes.h"
#include "market/transactions.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// Everything about a question that follows from its target; the refusal when nobody can be asked
/// about it.
tl::expected<Question, Refusal> about_part(const Context& context, const StoredTarget& target) {
    const auto part = find_part(context.state, base::PartId{target.subject});
    if (!part) return tl::unexpected(Refusal::target_unknown);
    Question out;
    if (target.kind == StoredKind::start) {
        // What the part itself starts from is somebody else's checkpoint, merge or initial state.
        if (target.number == 0) return tl::unexpected(Refusal::target_unknown);
        const auto delivered =
            std::find_if(part->delivered.begin(), part->delivered.end(),
                         [&](const DeliveredSegment& d) { return d.segment == target.number; });
        if (delivered == part->delivered.end()) return tl::unexpected(Refusal::target_unknown);
        out.blob = delivered->start_blob;
        out.bytes = delivered->start_bytes;
        out.root = delivered->leaf.start_root;
    } else {
        const bool end = target.kind == StoredKind::checkpoint;
        out.blob = end ? part->end_blob : part->payload_blob;
        out.bytes = end ? part->end_bytes : part->payload_bytes;
        out.root = end ? part->end_root : part->payload_root;
    }
    if (out.blob.is_zero()) return tl::unexpected(Refusal::target_unknown);
    if (!can_void(*part)) return tl::unexpected(Refusal::target_closed);
    out.job = part->key.job;
    out.round = part->key.round;
    out.obliged = part->key.worker;
    out.lease = part->lease;
    return out;
}

tl::expected<Question, Refusal> about_merge(const Context& context, const StoredTarget& target) {
    const auto merge = find_merge(context.state, base::JobId{target.subject}, target.number);
    if (!merge || merge->blob.is_zero()) return tl::unexpected(Refusal::target_unknown);
    Question out;
    out.blob = merge->blob;
    out.bytes = merge->bytes;
    out.root = merge->root;
    out.job = merge->job;
    out.round = merge->round;
    out.obliged = merge->poster;
    out.lease = merge->lease;
    return out;
}

tl::expected<Question, Refusal> about_job(const Context& context, const StoredTarget& target) {
    const auto job = find_job(context.state, base::JobId{target.subject});
    if (!job) return tl::unexpected(Refusal::target_unknown);
    if (is_terminal(job->state)) return tl::unexpected(Refusal::target_closed);
    Question out;
    out.blob = target.kind == StoredKind::init ? job->init_blob : job->data_blob;
    out.bytes = target.kind == StoredKind::init ? job->init_bytes : job->data_bytes;
    if (target.kind == StoredKind::init) out.root = job->init_root;
    out.job = job->id;
    out.obliged = job->submitter;
    return out;
}

tl::expected<Question, Refusal> about(const Context& context, const StoredTarget& target) {
    switch (target.kind) {
        case StoredKind::checkpoint:
        case StoredKind::payload:
        case StoredKind::start:
            return about_part(context, target);
        case StoredKind::merge:
            return about_merge(context, target);
        case StoredKind::init:
        case StoredKind::data:
            return about_job(context, target);
    }
    return tl::unexpected(Refusal::target_unknown);
}

/// A round can be asked about until its window is over, and so can everything of a job that
/// settles: a later question could hold its payment for ever.
bool can_be_asked(const Context& context, const Question& question) {
    const auto job = find_job(context.state, question.job);
    if (!job || is_terminal(job->state)) return false;
    if (settled_long_enough(context, *job)) return false;
    if (question.round == kNoRound) return true;
    const auto round = find_round(context.state, question.job, question.round);
    if (!round || round->state == RoundState::final || round->state == RoundState::failed)
        return false;
    return round->window_ends.value == 0 || context.live < round->window_ends;
}

/// An answer costs its sender the fee of 64 KiB; the factor leaves room for the base fee to rise,
/// and pays for the work.
std::optional<Amount> bond_of(const Context& context, QuestionKind kind) {
    constexpr std::uint64_t kStateAnswers = 4;
    const std::uint64_t answers = kind == QuestionKind::chunk ? 1 : kStateAnswers;
    const std::uint64_t weight = message_weight(ChunkAnswer{}, kChunkAnswerBytesMax) * answers;
    const auto fee = base::multiply(context.chain.base_fee, weight);
    const auto bond =
        fee ? base::multiply(*fee, context.parameters.question_bond_factor) : std::nullopt;
    if (!bond) return std::nullopt;
    return base::maximum(*bond, context.parameters.question_bond_min);
}

QuestionDuty duty_of(const Context& context, const base::AccountId& account) {
    return find_question_duty(context.state, account).value_or(QuestionDuty{account, 0, 0, {}});
}

/// What one answer may take: whoever keeps no hashes of the blob's chunks reads all of it.
std::uint64_t answer_ms(const Context& context, const Question& question) {
    constexpr std::uint64_t kReadPerMs = 100'000;
    return context.parameters.question_answer_ms + question.bytes / kReadPerMs;
}

/// One more or less open question of its asker, obliged, job and round. Changes the job.
void count_question(Context& context, Job& job, const Question& question, bool more) {
    const auto change = [&](std::uint32_t& count) {
        ASSAY_CHECK(more || count > 0);
        count = more ? count + 1 : count - 1;
    };
    QuestionDuty raised = duty_of(context, question.asker);
    change(raised.raised);
    save(context.state, raised);
    QuestionDuty owed = duty_of(context, question.obliged);
    change(owed.owed);
    const std::uint64_t takes = answer_ms(context, question);
    ASSAY_CHECK(more || owed.owed_ms >= takes);
    owed.owed_ms = more ? owed.owed_ms + takes : owed.owed_ms - takes;
    save(context.state, owed);
    change(job.open_questions);
    if (auto* round = live_round(context, question.job, question.round))
        change(round->open_questions);
}

Attributes attributes_of(const Question& question) {
    return {{"question", question.id.hex()},
            {"kind", std::string(to_word(question.kind))},
            {"job", question.job.hex()},
            {"target", std::string(to_word(question.target.kind))},
            {"subject", question.target.subject.hex()},
            {"number", std::to_string(question.target.number)},
            {"chunk", std::to_string(question.chunk)},
            {"blob", question.blob.hex()},
            {"obliged", question.obliged.hex()},
            {"asker", question.asker.hex()}};
}

void set_deadline(Context& context, Question& question, base::TimeMs deadline) {
    if (question.deadline.value != 0)
        clear_timer(context, {question.deadline, TimerKind::question, question.id, 0});
    question.deadline = deadline;
    set_timer(context, {deadline, TimerKind::question, question.id, 0});
    save(context.state, question);
}

/// Questions to one account queue: a flood gives its victim time in proportion, and nobody is
/// refused because of it. A limit for each target would let who withholds fill it with what it has.
/// Only open ones count: asking oneself and answering makes no queue.
base::TimeMs answer_by(const Context& context, const Question& question) {
    const std::uint64_t ahead_ms = duty_of(context, question.obliged).owed_ms;
    return context.in(context.parameters.grace_ms + ahead_ms + answer_ms(context, question));
}

/// The question is over: its bond goes to `to`. Changes the job.
void end_question(Context& context, Job& job, const Question& question, const base::AccountId& to,
                  std::string_view outcome) {
    if (question.deadline.value != 0)
        clear_timer(context, {question.deadline, TimerKind::question, question.id, 0});
    erase(context.state, question);
    count_question(context, job, question, false);
    credit(context, to, question.bond);
    Attributes attributes = attributes_of(question);
    attributes.emplace_back("outcome", std::string(outcome));
    attributes.emplace_back("answerer", question.answerer.hex());
    attributes.emplace_back("bond", question.bond.decimal());
    emit(context, EventKind::question_closed, std::move(attributes));
    set_timer(context, {context.in(1), TimerKind::settle, question.job.hash, kSettleJob});
}

/// The job still rests on what was asked about.
bool still_matters(const Context& context, const Job& job, const Question& question) {
    if (is_terminal(job.state)) return false;
    const auto now = about(context, question.target);
    return now && now->blob == question.blob && now->lease == question.lease;
}

/// Nothing came, or what was stored is not what the root says. Changes the job.
void hold_liable(Context& context, Job& job, const Question& question, SlashReason reason) {
    if (!still_matters(context, job, question)) return;
    if (question.lease.is_zero()) {
        begin_settling(context, job, JobState::failed,
                       reason == SlashReason::wrong_blob ? CloseReason::wrong_init
                                                         : CloseReason::data_missing);
        return;
    }
    const bool merge = question.target.kind == StoredKind::merge;
    Conviction conviction{question.lease, reason, question.id, question.round};
    // The bounty covers what the question cost: it is no prize.
    if (question.asker != question.obliged) conviction.rewards.reporters.push_back(question.asker);
    conviction.rewards.share = question.bond;
    Undone undone;
    bool more = true;
    if (merge) {
        Dispute refuted;
        refuted.job = job.id;
        refuted.round = question.round;
        refuted.part = find_merge(context.state, job.id, question.round).value().commitment;
        more = merge_refuted(context, job, refuted, undone);
        ++conviction.from_round;
    }
    convict(context, job, conviction, std::move(undone));
    if (!more) fail_job(context, job, CloseReason::merge_unresolved);
    close_round_if_done(context, job);
    start_window_if_done(context, job, question.round);
}

Refusal open_question(Context& context, Question question, const StoredTarget& target,
                      QuestionKind kind) {
    if (!can_be_asked(context, question)) return Refusal::target_closed;
    if (find_question(context.state, question.id)) return Refusal::question_known;
    if (duty_of(context, context.sender).raised >= context.parameters.questions_raised_max)
        return Refusal::too_many_questions;
    std::optional<QuestionSubject> subject;
    if (kind == QuestionKind::state) {
        subject = question_subject(context.state, target);
        if (!subject || question.root.is_zero()) return Refusal::target_unknown;
    }
    const auto bond = bond_of(context, kind);
    if (!bond) return Refusal::amount_too_large;
    if (!debit(context, context.sender, *bond)) return Refusal::insufficient_balance;

    question.kind = kind;
    question.target = target;
    question.asker = context.sender;
    question.bond = *bond;
    question.opened_at = context.live;
    const base::TimeMs deadline = answer_by(context, question);
    set_deadline(context, question, deadline);
    if (subject)
        context.state.put(question_bytes_key(question.id),
                          context.block.referee->open_question(*subject).question);
    Job& job = need_job(context, question.job);
    count_question(context, job, question, true);
    Attributes attributes = attributes_of(question);
    attributes.emplace_back("deadline", std::to_string(question.deadline.value));
    attributes.emplace_back("bond", question.bond.decimal());
    emit(context, EventKind::question_opened, std::move(attributes));
    return Refusal::none;
}

/// An open state question that the sender may act on now.
tl::expected<Question, Refusal> state_question(const Context& context, const base::Hash& id) {
    auto question = find_question(context.state, id);
    if (!question || question->kind != QuestionKind::state)
        return tl::unexpected(Refusal::question_unknown);
    return std::move(*question);
}

}  // namespace

bool waits_for_answer(const Context& context, const base::JobId& job, std::uint32_t round) {
    // Chunks only: a state question stops the clock of who asks it (has_asked).
    const auto open = [&](std::uint32_t number) {
        const auto questions =
            questions_of_job(context.state, job, number, std::nullopt, kTouchedMax);
        return std::any_of(questions.begin(), questions.end(),
                           [](const Question& q) { return q.kind == QuestionKind::chunk; });
    };
    return open(round) || (round > 0 && open(round - 1)) || open(kNoRound);
}

bool asks_for_data(const Context& context, const base::JobId& job) {
    const auto questions =
        questions_of_job(context.state, job, kNoRound, std::nullopt, kTouchedMax);
    return std::any_of(questions.begin(), questions.end(), [](const Question& question) {
        return question.target.kind == StoredKind::data;
    });
}

bool answers_for_open(const Context& context, const Lease& lease) {
    for (const Question& question :
         questions_owed(context.state, lease.worker, std::nullopt, kTouchedMax)) {
        if (question.lease == lease.id) return true;
    }
    for (const Dispute& dispute : disputes_of_account(context.state, lease.worker, Side::asserter,
                                                      std::nullopt, kTouchedMax)) {
        if (dispute.lease == lease.id) return true;
    }
    return false;
}

bool has_asked(const Context& context, const base::AccountId& account, const base::JobId& job) {
    const auto questions = questions_asked(context.state, account, std::nullopt, kTouchedMax);
    return std::any_of(questions.begin(), questions.end(),
                       [&](const Question& question) { return question.job == job; });
}

bool lacks_answer(const Context& context, const base::AccountId& account, const base::JobId& job) {
    const auto questions = questions_asked(context.state, account, std::nullopt, kTouchedMax);
    return std::any_of(questions.begin(), questions.end(), [&](const Question& question) {
        return question.job == job && !question.answered;
    });
}

void drop_questions(Context& context, Job& job, const base::Hash& subject) {
    // Whoever asked has paid for the end of its question. None may be left: the round that counts
    // it may go.
    for (auto open = questions_of_subject(context.state, subject, std::nullopt, kTouchedMax);
         !open.empty();
         open = questions_of_subject(context.state, subject, std::nullopt, kTouchedMax)) {
        for (const Question& question : open)
            end_question(context, job, question, question.asker, "dropped");
    }
}

void drop_merge_questions(Context& context, Job& job, std::uint32_t round) {
    std::optional<base::Hash> after;
    while (true) {
        const auto open = questions_of_subject(context.state, job.id.hash, after, kTouchedMax);
        for (const Question& question : open) {
            if (question.target.kind == StoredKind::merge && question.round == round)
                end_question(context, job, question, question.asker, "dropped");
        }
        if (open.size() < kTouchedMax) return;
        after = open.back().id;
    }
}

Refusal apply_chunk_ask(Context& context, const ChunkAsk& message) {
    auto question = about(context, message.target);
    if (!question) return question.error();
    if (message.chunk >= base::blob_chunks(question->bytes)) return Refusal::chunk_out_of_range;
    question->id = chunk_question_id(message.target, message.chunk);
    question->chunk = message.chunk;
    return open_question(context, *question, message.target, QuestionKind::chunk);
}

Refusal apply_chunk_answer(Context& context, const ChunkAnswer& message) {
    auto* question = live_question(context, message.question);
    if (!question || question->kind != QuestionKind::chunk) return Refusal::question_unknown;
    if (!base::verify_chunk(question->blob, question->bytes, question->chunk, message.bytes,
                            message.proof))
        return Refusal::wrong_chunk;

    Job& job = need_job(context, question->job);
    question->answerer = context.sender;
    end_question(context, job, *question, context.sender, "answered");
    if (question->round != kNoRound) renew_merge_turn(context, question->job, question->round);
    return Refusal::none;
}

Refusal apply_state_ask(Context& context, const StateAsk& message) {
    auto question = about(context, message.target);
    if (!question) return question.error();
    if (message.target.kind == StoredKind::data) return Refusal::target_unknown;
    question->id = state_question_id(message.target, context.sender);
    return open_question(context, *question, message.target, QuestionKind::state);
}

Refusal apply_state_answer(Context& context, const StateAnswer& message) {
    auto question = state_question(context, message.question);
    if (!question) return question.error();
    if (question->answered) return Refusal::not_asked;
    const auto bytes = find_question_bytes(context.state, question->id);
    ASSAY_CHECK(bytes.has_value());
    const auto status = context.block.referee->answer(*bytes, message.bytes);
    if (!status) return refusal_of(status.error());

    context.state.put(question_bytes_key(question->id), status->question);
    question->answered = true;
    question->answerer = context.sender;
    ++question->rounds;
    set_deadline(context, *question, context.in(context.parameters.grace_ms));
    Attributes attributes = attributes_of(*question);
    attributes.emplace_back("rounds", std::to_string(question->rounds));
    attributes.emplace_back("deadline", std::to_string(question->deadline.value));
    emit(context, EventKind::question_answered, std::move(attributes));
    return Refusal::none;
}

Refusal apply_state_next(Context& context, const StateNext& message) {
    auto question = state_question(context, message.question);
    if (!question) return question.error();
    if (question->asker != context.sender) return Refusal::question_not_yours;
    if (!question->answered) return Refusal::not_answered;
    const auto bytes = find_question_bytes(context.state, question->id);
    ASSAY_CHECK(bytes.has_value());
    const auto status = context.block.referee->ask(*bytes, message.child);
    if (!status) return refusal_of(status.error());

    context.state.put(question_bytes_key(question->id), status->question);
    question->answered = false;
    set_deadline(context, *question, answer_by(context, *question));
    Attributes attributes = attributes_of(*question);
    attributes.emplace_back("child", std::to_string(message.child));
    attributes.emplace_back("deadline", std::to_string(question->deadline.value));
    emit(context, EventKind::question_next, std::move(attributes));
    return Refusal::none;
}

Refusal apply_state_show(Context& context, const StateShow& message) {
    auto question = state_question(context, message.question);
    if (!question) return question.error();
    if (question->asker != context.sender) return Refusal::question_not_yours;
    const auto bytes = find_question_bytes(context.state, question->id);
    ASSAY_CHECK(bytes.has_value());
    constexpr std::uint64_t kLeaves = base::kBlobChunkBytes / base::kBlobLeafBytes;
    const std::uint64_t start = message.leaf % kLeaves * base::kBlobLeafBytes;
    if (message.leaf / kLeaves >= base::blob_chunks(question->bytes) ||
        start >= message.bytes.size())
        return Refusal::chunk_out_of_range;
    if (!base::verify_chunk(question->blob, question->bytes, message.leaf / kLeaves, message.bytes,
                            message.proof))
        return Refusal::wrong_chunk;
    const base::ByteView leaf =
        base::ByteView(message.bytes)
            .subspan(start, std::min(base::kBlobLeafBytes, message.bytes.size() - start));
    const auto differs = context.block.referee->leaf_differs(*bytes, message.leaf, leaf);
    if (!differs) return refusal_of(differs.error());
    if (!*differs) return Refusal::leaf_agrees;

    Job& job = need_job(context, question->job);
    end_question(context, job, *question, question->asker, "upheld");
    hold_liable(context, job, *question, SlashReason::wrong_blob);
    return Refusal::none;
}

void on_question(Context& context, const Timer& timer) {
    auto* question = live_question(context, timer.subject);
    if (!question || question->deadline != timer.due) return;
    Job& job = need_job(context, question->job);
    if (question->answered) {
        // The asker found nothing: it pays the answers.
        end_question(context, job, *question, question->answerer, "vain");
    } else if (job.state == JobState::paused) {
        // Clocks of workers stand in a pause.
        set_deadline(context, *question, context.in(context.parameters.grace_ms));
        return;
    } else {
        end_question(context, job, *question, question->asker, "silence");
        hold_liable(context, job, *question, SlashReason::no_answer);
    }
}

}  // namespace assay::market
