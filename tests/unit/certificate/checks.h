#pragma once

#include <gtest/gtest.h>

#include "certificate/certificate.h"
#include "market/objects.h"
#include "trained_job.h"

/// What the tests of certificates share.
namespace assay::certificate {

using base::Bytes;
using evidence::Evidence;
using evidence::SignedChain;
using Entries = TrainedJob::Entries;

/// Two lanes and two rounds; trained once for all tests.
inline const TrainedJob& merged_job() {
    static const TrainedJob job(2, 2);
    return job;
}
inline const TrainedJob& plain_job() {
    static const TrainedJob job(1, 1);
    return job;
}

inline const Bytes& certificate_of(const TrainedJob& job) {
    static std::map<const TrainedJob*, Bytes> made;
    Bytes& bytes = made[&job];
    if (bytes.empty()) {
        auto result = make(job.evidence(), job.checkpoint(), job.folder("model"));
        EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().detail);
        bytes = result.value_or(Bytes{});
    }
    return bytes;
}

inline VerifyOptions with_trust(std::vector<evidence::Trusted> trust) {
    VerifyOptions options;
    options.trust = std::move(trust);
    return options;
}
inline VerifyOptions with_model(const std::filesystem::path& folder) {
    VerifyOptions options;
    options.model = folder;
    return options;
}

template <class T>
void expect_refused(const Result<T>& result, Problem problem, const std::string& words = "") {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(to_word(result.error().problem), to_word(problem)) << result.error().detail;
    EXPECT_NE(result.error().detail.find(words), std::string::npos) << result.error().detail;
}

inline Bytes encoded(const Evidence& evidence) {
    Certificate certificate;
    certificate.evidence = evidence;
    return encode(certificate);
}

template <class Fact>
Fact& first(Entries& entries, std::size_t skip = 0) {
    for (market::JobHistoryEntry& entry : entries) {
        if (auto* fact = std::get_if<Fact>(&entry); fact != nullptr && skip-- == 0) return *fact;
    }
    ADD_FAILURE();
    static Fact none;
    return none;
}

template <class Message>
bool is(const evidence::Recorded& recorded) {
    return std::holds_alternative<Message>(
        market::decode_transaction(recorded.raw).value().message);
}

}  // namespace assay::certificate
