#include "prover/history.h"

#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "commit/checkpoint.h"

namespace assay::dispute {

using base::Hash;
using market::GameStage;

std::string_view name_of(PlayError error) {
    switch (error) {
        case PlayError::not_a_game:
            return "not_a_game";
        case PlayError::other_subject:
            return "other_subject";
        case PlayError::over:
            return "over";
        case PlayError::not_our_turn:
            return "not_our_turn";
        case PlayError::no_data:
            return "no_data";
        case PlayError::stopped:
            return "stopped";
        case PlayError::no_move:
            return "no_move";
    }
    return "unknown";
}

namespace {

auto no_data(const std::string& detail) {
    return tl::unexpected(PlayFailure{PlayError::no_data, detail});
}

std::vector<const commit::Payload*> pointers_to(const std::vector<commit::Payload>& payloads) {
    std::vector<const commit::Payload*> pointers;
    for (const commit::Payload& payload : payloads) pointers.push_back(&payload);
    return pointers;
}

}  // namespace

// --- one stage

const StageTrace& StageHistory::stage() {
    if (!stage_) stage_ = replayer_.stage(inputs_);
    return *stage_;
}

const UnitTrace& StageHistory::unit(std::uint32_t position) {
    const auto found = units_.find(position);
    if (found != units_.end()) return found->second;
    return units_.emplace(position, replayer_.unit(inputs_, position)).first->second;
}

const Evidence& StageHistory::evidence(std::uint32_t position, std::uint32_t instruction) {
    const std::pair key{position, instruction};
    const auto found = evidence_.find(key);
    if (found != evidence_.end()) return found->second;
    if (evidence_.size() >= evidence_max_) evidence_.clear();
    Evidence evidence = replayer_.evidence(inputs_, stage(), unit(position), position, instruction,
                                           round_start_descriptor_);
    return evidence_.emplace(key, std::move(evidence)).first->second;
}

Hash StageHistory::cell_hash(std::uint32_t position, std::uint32_t instruction,
                             std::uint32_t tile) {
    const program::Tensor& out = program().tensors[program().instructions[instruction].out.tensor];
    const base::Bytes bytes = tile_bytes(out, evidence(position, instruction).output.data(), tile);
    return base::merkle_leaf(base::MerkleFamily::blake2b, bytes);
}

const std::vector<Hash>& StageHistory::leaves_before() {
    if (leaves_before_.empty() && inputs_.start != nullptr)
        leaves_before_ =
            state_leaves(program(), *inputs_.start, inputs_.descriptor, replayer_.threads());
    return leaves_before_;
}

const std::byte* StageHistory::before(program::TensorId id) const {
    const std::vector<program::TensorId> ids = program().state_tensors();
    const auto place = std::ranges::lower_bound(ids, id);
    ASSAY_CHECK(inputs_.start != nullptr && place != ids.end() && *place == id);
    return inputs_.start->tensors[static_cast<std::size_t>(place - ids.begin())].data();
}

bool StageHistory::scalar_agrees() {
    if (!scalar_agrees_) scalar_agrees_ = trace_stage(inputs_, Engine{}) == stage();
    return *scalar_agrees_;
}

void StageHistory::rest() {
    start_ = {};
    round_start_ = {};
    members_.clear();
    payloads_.clear();
    evidence_.clear();
    inputs_.start = inputs_.round_start = nullptr;
    inputs_.members = {};
    rests_ = true;
}

// --- all of them

History::History(const Terms& terms, Replayer& replayer, PublicData& data, HistoryOptions options)
    : terms_(terms),
      replayer_(replayer),
      data_(data),
      options_(std::move(options)),
      records_(replayer.program()) {
    ASSAY_CHECK(options_.stages_max > 0 && options_.evidence_max > 0);
}

History::Result<std::vector<commit::Payload>> History::member_payloads() {
    std::vector<commit::Payload> payloads;
    for (std::size_t i = 0; i < terms_.payload_roots.size(); ++i) {
        auto payload = data_.payload(i);
        if (!payload) return no_data(payload.error());
        payloads.push_back(std::move(*payload));
    }
    return payloads;
}

History::Result<Hash> History::init_or_merge_root() {
    const unsigned threads = replayer_.threads();
    if (terms_.replayed() == GameStage::init) {
        commit::State state = commit::State::zeros(replayer_.program());
        replayer_.run_init(state);
        return commit::state_root(replayer_.program(), state,
                                  commit::opening_descriptor(terms_.job, 0, {}), threads);
    }
    auto state = data_.start_state();
    if (!state) return no_data(state.error());
    const auto payloads = member_payloads();
    if (!payloads) return tl::unexpected(payloads.error());
    replayer_.run_merge(*state, pointers_to(*payloads), terms_.round);
    return commit::state_root(
        replayer_.program(), *state,
        commit::opening_descriptor(terms_.job, terms_.round + 1, terms_.start_root), threads);
}

/// Brings the state to where so many steps are done, from the nearest one before that is at hand.
History::Result<void> History::seek(std::uint32_t steps) {
    const bool woken = !state_ && resting_ && resting_->steps <= steps && wake();
    if (!woken && (!state_ || steps_ > steps)) {
        const StageHistory* nearest = nullptr;
        std::uint32_t at = 0;
        for (const auto& [place, stage] : stages_) {
            if (place.stage != Stage::step || place.steps > steps || stage->rests()) continue;
            nearest = stage.get();
            at = place.steps;
        }
        if (nearest != nullptr) {
            state_ = nearest->start_.clone();
        } else {
            auto state = data_.start_state();
            if (!state) return no_data(state.error());
            state_ = std::move(*state);
        }
        steps_ = at;
    }
    for (; steps_ < steps; ++steps_) {
        replayer_.run_step(*state_, terms_.round, terms_.lane, terms_.first_step + steps_);
        if (options_.progress && !options_.progress({steps_ + 1, terms_.steps})) {
            ++steps_;
            return tl::unexpected(PlayFailure{PlayError::stopped, "the replay was stopped"});
        }
    }
    return {};
}

bool History::wake() {
    auto state = commit::load_state(resting_->file, replayer_.program(),
                                    descriptor_after(terms_, resting_->steps), resting_->root,
                                    replayer_.threads());
    if (!state) {
        resting_.reset();
        return false;
    }
    state_ = std::move(*state);
    steps_ = resting_->steps;
    return true;
}

void History::rest(const std::filesystem::path& file) {
    for (const auto& [place, stage] : stages_) stage->rest();
    if (!state_) return;
    if (!resting_ || resting_->steps != steps_ || resting_->file != file) {
        const commit::StateDescriptor descriptor = descriptor_after(terms_, steps_);
        const Hash root =
            commit::state_root(replayer_.program(), *state_, descriptor, replayer_.threads());
        const auto saved = commit::save_state(file, replayer_.program(), *state_, descriptor,
                                              commit::Durability::scratch);
        resting_ = saved ? std::optional(Resting{file, root, steps_}) : std::nullopt;
    }
    state_.reset();
}

bool History::is_awake() const {
    return state_.has_value() ||
           std::ranges::any_of(stages_, [](const auto& entry) { return !entry.second->rests(); });
}

History::Result<Hash> History::root_after(std::uint32_t steps) {
    ASSAY_CHECK(steps <= terms_.steps);
    const bool segment = terms_.replayed() == GameStage::segment;
    if (segment && steps == 0) return terms_.start_root;
    const auto found = roots_.find(segment ? steps : 0);
    if (found != roots_.end()) return found->second;
    Result<Hash> root;
    if (segment) {
        if (const auto there = seek(steps); !there) return tl::unexpected(there.error());
        root = commit::state_root(replayer_.program(), *state_, descriptor_after(terms_, steps),
                                  replayer_.threads());
    } else {
        root = init_or_merge_root();
        if (!root) return root;
    }
    roots_[segment ? steps : 0] = *root;
    return root;
}

History::Result<const commit::State*> History::state_after(std::uint32_t steps) {
    ASSAY_CHECK(steps <= terms_.steps && terms_.replayed() == GameStage::segment);
    if (const auto there = seek(steps); !there) return tl::unexpected(there.error());
    return &*state_;
}

History::Result<Hash> History::payload_root() {
    ASSAY_CHECK(terms_.closes_round);
    if (payload_root_) return *payload_root_;
    if (const auto there = seek(terms_.steps); !there) return tl::unexpected(there.error());
    const auto round_start = data_.round_start_state();
    if (!round_start) return no_data(round_start.error());
    commit::Payload payload = commit::Payload::zeros(replayer_.program());
    replayer_.run_payload(*round_start, *state_, terms_.round, payload);
    payload_root_ = commit::payload_root(replayer_.program(), payload, replayer_.threads());
    return *payload_root_;
}

History::Result<void> History::fill(StageHistory& stage, const Place& place) {
    StageInputs& inputs = stage.inputs_;
    inputs.program = &replayer_.program();
    inputs.stage = place.stage;
    inputs.dataset = replayer_.dataset();
    inputs.round = terms_.round;
    inputs.lane = terms_.lane;
    stage.evidence_max_ = options_.evidence_max;
    const auto opening = commit::descriptor_leaf(
        commit::opening_descriptor(terms_.job, terms_.round, terms_.previous_round_root));
    switch (place.stage) {
        case Stage::init:
            return {};
        case Stage::step:
        case Stage::payload: {
            if (const auto there = seek(place.steps); !there) return there;
            stage.start_ = state_->clone();
            inputs.descriptor = commit::descriptor_leaf(descriptor_after(terms_, place.steps));
            if (place.stage == Stage::step) {
                inputs.step = terms_.first_step + place.steps;
                break;
            }
            auto round_start = data_.round_start_state();
            if (!round_start) return no_data(round_start.error());
            stage.round_start_ = std::move(*round_start);
            stage.round_start_descriptor_ = opening;
            inputs.round_start = &stage.round_start_;
            break;
        }
        case Stage::merge: {
            auto state = data_.start_state();
            if (!state) return no_data(state.error());
            stage.start_ = std::move(*state);
            auto payloads = member_payloads();
            if (!payloads) return tl::unexpected(payloads.error());
            stage.payloads_ = std::move(*payloads);
            stage.members_ = pointers_to(stage.payloads_);
            inputs.members = stage.members_;
            inputs.descriptor = opening;
            break;
        }
    }
    inputs.start = &stage.start_;
    return {};
}

History::Result<StageHistory*> History::at(const Place& place) {
    const auto found = stages_.find(place);
    if (found != stages_.end()) {
        StageHistory& there = *found->second;
        if (!there.rests()) return &there;
        if (const auto filled = fill(there, place); !filled) return tl::unexpected(filled.error());
        there.rests_ = false;
        return &there;
    }
    auto stage = std::make_unique<StageHistory>(replayer_, records_);
    if (const auto filled = fill(*stage, place); !filled) return tl::unexpected(filled.error());
    while (stages_.size() >= options_.stages_max) stages_.erase(stages_.begin());
    return stages_.emplace(place, std::move(stage)).first->second.get();
}

Place History::cell_place() const { return {terms_.cell.stage(), terms_.cell.steps}; }

History::Result<Hash> History::root_before_cell() {
    if (terms_.replayed() == GameStage::segment) return root_after(terms_.cell.steps);
    return terms_.start_root;
}

History::Result<Hash> History::cell_hash() {
    ASSAY_CHECK(terms_.is_about_cell());
    const auto stage = at(cell_place());
    if (!stage) return tl::unexpected(stage.error());
    const DisputedCell& cell = terms_.cell;
    const std::vector<Unit> units = units_of(
        replayer_.program(), cell.stage(), static_cast<std::uint32_t>(terms_.payload_roots.size()));
    const auto position = std::ranges::find(units, cell.unit) - units.begin();
    return (*stage)->cell_hash(static_cast<std::uint32_t>(position), cell.instruction, cell.tile);
}

}  // namespace assay::dispute
