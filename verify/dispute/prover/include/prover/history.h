#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "dispute/game.h"
#include "prover/replayer.h"

/// What a side finds when it replays what a game is about.
namespace assay::dispute {

/// What anybody can get of a game's subject. Whoever implements it verifies what it fetches against
/// the roots of the subject. Errors are sentences for people.
class PublicData {
  public:
    virtual ~PublicData() = default;
    /// The state at the segment's start; in a merge the one that opened the round.
    virtual tl::expected<commit::State, std::string> start_state() = 0;
    /// The state that opened the round; only asked for when a payload is disputed.
    virtual tl::expected<commit::State, std::string> round_start_state() = 0;
    /// Of a member of the merge, by its position.
    virtual tl::expected<commit::Payload, std::string> payload(std::size_t member) = 0;
};

enum class PlayError : std::uint8_t {
    not_a_game,     ///< the bytes are no game
    other_subject,  ///< a game about something else, or another program
    over,
    not_our_turn,
    no_data,  ///< something public could not be had: detail says what
    stopped,  ///< the progress callback said stop
    no_move,  ///< the other side has left no way to go on
};
std::string_view name_of(PlayError error);
struct PlayFailure {
    PlayError error = PlayError::no_data;
    std::string detail;
};

/// How far a replay is; return false to stop.
struct ReplayReport {
    std::uint32_t done = 0, steps = 0;
};
using ReplayProgress = std::function<bool(const ReplayReport&)>;

/// One stage: of a segment the step after `steps` of its steps, or the payload after all.
struct Place {
    Stage stage = Stage::step;
    std::uint32_t steps = 0;
    auto operator<=>(const Place&) const = default;
};

/// One stage in memory, traced as far as somebody asked.
class StageHistory {
  public:
    StageHistory(Replayer& replayer, const ProgramRecords& records) noexcept
        : replayer_(replayer), records_(records) {}
    StageHistory(const StageHistory&) = delete;
    StageHistory& operator=(const StageHistory&) = delete;

    [[nodiscard]] const program::Program& program() const { return replayer_.program(); }
    [[nodiscard]] const ProgramRecords& records() const { return records_; }
    [[nodiscard]] const StageInputs& inputs() const { return inputs_; }
    const StageTrace& stage();
    const UnitTrace& unit(std::uint32_t position);
    /// The reference stays valid until the next call.
    const Evidence& evidence(std::uint32_t position, std::uint32_t instruction);
    /// Of one tile of what an instruction defines.
    base::Hash cell_hash(std::uint32_t position, std::uint32_t instruction, std::uint32_t tile);
    /// Leaves under the root of the state that the stage reads; empty in init.
    const std::vector<base::Hash>& leaves_before();
    /// Elements of a state tensor as the stage found it.
    [[nodiscard]] const std::byte* before(program::TensorId id) const;
    /// Whether the scalar definition gives the same trace. Slow: nothing of it is fast.
    bool scalar_agrees();

  private:
    friend class History;
    /// Keeps what was traced; what it was traced from is had again.
    void rest();
    [[nodiscard]] bool rests() const { return rests_; }
    bool rests_ = false;
    Replayer& replayer_;
    const ProgramRecords& records_;
    commit::State start_, round_start_;
    std::vector<commit::Payload> payloads_;
    std::vector<const commit::Payload*> members_;
    StageInputs inputs_;
    base::Hash round_start_descriptor_;
    std::size_t evidence_max_ = 1;
    std::optional<StageTrace> stage_;
    std::map<std::uint32_t, UnitTrace> units_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Evidence> evidence_;
    std::vector<base::Hash> leaves_before_;
    std::optional<bool> scalar_agrees_;
};

struct HistoryOptions {
    ReplayProgress progress;
    /// Stages in memory, each with its states, and pieces of evidence per stage.
    std::size_t stages_max = 1, evidence_max = 1;
};

/// A function of public data, with a cache: a restart costs time and nothing else. It looks at the
/// terms without what is asserted. One thread at a time.
class History {
  public:
    /// Keeps references.
    History(const Terms& terms, Replayer& replayer, PublicData& data, HistoryOptions options = {});
    template <class T>
    using Result = tl::expected<T, PlayFailure>;

    [[nodiscard]] const ProgramRecords& records() const { return records_; }
    /// State root after so many steps of the segment; of the other stages, after any number, the
    /// root that they lead to.
    Result<base::Hash> root_after(std::uint32_t steps);
    /// Of the lane at the segment's end.
    Result<base::Hash> payload_root();
    /// After so many steps of the segment. Valid until the next call.
    Result<const commit::State*> state_after(std::uint32_t steps);
    [[nodiscard]] const program::Program& program() const { return replayer_.program(); }
    [[nodiscard]] unsigned threads() const { return replayer_.threads(); }
    /// Valid until the next call.
    Result<StageHistory*> at(const Place& place);
    /// Gives the memory of its states back, for a game whose turn comes later: the state at hand
    /// goes to `file`, where the next call finds it. Without the file the next call replays.
    void rest(const std::filesystem::path& file);
    /// Whether it has states in memory.
    [[nodiscard]] bool is_awake() const;
    /// Of a game about a cell: where its stage is, the root of the state that it reads (zeros in
    /// init), and its hash.
    [[nodiscard]] Place cell_place() const;
    Result<base::Hash> root_before_cell();
    Result<base::Hash> cell_hash();

  private:
    Result<base::Hash> init_or_merge_root();
    Result<void> seek(std::uint32_t steps);
    /// True when what rests in a file is at hand again.
    bool wake();
    Result<void> fill(StageHistory& stage, const Place& place);
    Result<std::vector<commit::Payload>> member_payloads();

    const Terms terms_;
    Replayer& replayer_;
    PublicData& data_;
    const HistoryOptions options_;
    const ProgramRecords records_;
    std::map<std::uint32_t, base::Hash> roots_;
    std::optional<base::Hash> payload_root_;
    std::optional<commit::State> state_;  // after steps_ steps
    std::uint32_t steps_ = 0;
    struct Resting {
        std::filesystem::path file;
        base::Hash root;
        std::uint32_t steps = 0;
    };
    std::optional<Resting> resting_;
    std::map<Place, std::unique_ptr<StageHistory>> stages_;
};

}  // namespace assay::dispute
