#pragma once

#include <map>

#include "evidence/evidence.h"
#include "market/parties.h"
#include "market/transactions.h"

namespace assay::evidence {

/// A transaction that somebody signed with keys that lead back to the genesis or to its account's
/// first key.
struct SignedMessage {
    base::AccountId sender;
    market::TransactionHeader header;
    market::Message message;
    std::uint64_t log_index = 0;
    base::PublicKey vrf;  ///< of the sender, then
};

struct Log {
    market::Genesis genesis;
    base::Hash chain_id;
    std::vector<SignedMessage> messages;  ///< in the order of the log
};

/// The head is the genesis operator's; every transaction is in its log, for this chain, and signed
/// by its account's key of that time.
tl::expected<Log, Failure> check_log(const Evidence& evidence);

}  // namespace assay::evidence
