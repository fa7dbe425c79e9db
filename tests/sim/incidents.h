#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "invariants.h"
#include "world.h"

/// The books of one history, kept from events and objects without any of the rules' arithmetic, and
/// what must hold of them.
///
/// An *incident* is one event by which somebody loses stake, bond or a deposit by the rules: a
/// conviction, confession or concession (`slashed`), a lost game between auditors or of a
/// challenger (`dispute_closed`), a vain question (`question_closed`), a fine (`fined`). Its *loss*
/// is what the offender's account lost by it, its *gains* are what accounts got out of that loss:
/// fees, compensation, shares, bounties, and what goes back to the job's hold or waits there for a
/// successor, which counts as its submitter's. Of each incident:
///
/// - the offender gains nothing, and of a slash gains are at most half of the loss; of a game at
/// most half of the loss and of the winner's own
///   fees; of a vain question at most the deposit. So no set of accounts gains by an incident of
///   its own: a set that holds the offender nets at most gains - loss <= 0, one that does not is
///   paid by somebody else's loss. It is summed for each owner (all accounts of one coalition) and
///   for each account nevertheless;
/// - compensation is at most the price of one part of another worker that became void in that
/// block, once.
///
/// Of each part that is paid: every audit that was drawn for it has ended with a verdict or a miss,
/// a miss was followed by a draw whose auditor said `valid`, no `valid` was paid before its control
/// was drawn and had ended, and nothing in it is false that somebody honest has audited.
///
/// At the end the change of each account's wealth is compared, to the grain, with the sum of all
/// that events tell about it: money that moves without an event, or by another amount, shows there.
namespace assay::sim {

struct Member {
    const Person* person = nullptr;
    std::uint32_t owner = 0;  ///< 0: nobody's but its own; the same number: one coalition
    bool honest = true;       ///< its conduct
};

class Incidents {
  public:
    Incidents(const World& world, std::vector<Member> members);
    /// Reads what the last block told.
    void read_block();
    /// What must hold when all jobs are over.
    void end();
    [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }
    /// How often things happened, by name: events' kinds, incidents, and what they were.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

  private:
    using Grains = std::int64_t;
    struct Gain {
        std::size_t to;
        Grains grains;
        std::string reason, subject;
    };
    struct AuditSeen {
        std::size_t auditor = 0;
        bool control = false, valid = false, invalid = false, ended = false, missed = false;
        std::uint64_t drawn = 0, paid = 0, end = 0;  ///< numbers of the events; 0: none
        std::string controls;                        ///< of a control: whose `valid`
    };
    struct ClaimSeen {
        std::vector<std::string> audits;
        std::uint64_t judged = 0;
    };
    /// What one block told of money, in order.
    struct Block {
        std::vector<Gain> gains;
        std::vector<Gain> burned;
        std::vector<const market::Event*> slashed, closed, unproved, voided;
    };

    void complain(const std::string& what) { wrong_.push_back(what); }
    [[nodiscard]] std::size_t index_of(const std::string& account) const;
    void flow(std::size_t who, Grains grains) { flows_[who] += grains; }
    void read(const market::Event& event, Block& block);
    void read_paid(const market::Event& event, Block& block);
    void read_burned(const market::Event& event, Block& block);
    void read_audit(const market::Event& event);
    void read_question(const market::Event& event);
    void read_harm(const market::Event& event);
    void read_epoch(const market::Event& event);
    void read_job_closed(const market::Event& event);
    void check_slash(const market::Event& event, Block& block);
    void check_compensation(const Gain& gain, const std::string& offender, const Block& block);
    void check_game(const market::Event& event, Block& block);
    void check_unproved(const Block& block);
    void check_paid_part(const std::string& id, Grains paid);
    void check_judged(const std::string& part, const std::string& segment, const ClaimSeen& claim);
    void check_controlled(const std::string& what, const std::string& id, const AuditSeen& audit);
    void check_passed(const market::Event& event);
    void note_incident(const std::string& kind, std::size_t offender, Grains loss,
                       const std::vector<Gain>& gains, Grains to_submitter);
    [[nodiscard]] std::vector<Grains> wealth() const;

    const World& world_;
    std::map<std::string, market::Dispute> games_;  ///< as they were after the last block
    std::vector<Member> members_;
    std::unordered_map<std::string, std::size_t> index_;  ///< by account, hex
    std::vector<Grains> begin_, flows_;
    std::vector<Grains> own_;  ///< net of incidents by the account, for itself
    std::map<std::uint32_t, Grains>
        owners_;  ///< net of incidents by an owner's accounts, for all of them
    std::size_t submitter_ = 0;
    std::map<std::string, std::uint64_t> counts_;
    std::uint64_t events_ = 0;
    std::unordered_map<std::string, AuditSeen> audits_;
    std::map<std::string, std::map<std::string, ClaimSeen>> claims_;  ///< by subject, then segment
    std::map<std::string, std::string> joined_;  ///< commitment -> the last epoch that it joined
    struct Drawn {
        bool void_ = false;
        std::uint64_t number = 0;  ///< of the event
    };
    std::map<std::string, Drawn> drawn_;  ///< by epoch
    std::set<std::string> paid_, compensated_;
    std::vector<std::string> wrong_;
};

}  // namespace assay::sim
