#pragma once

#include <vector>

#include "dispute/game.h"

/// Made-up moves and games: for bytes, not for judgements.
namespace assay::dispute::testing {

inline base::Hash hash_of(std::uint8_t byte) {
    base::Hash hash;
    hash.bytes.fill(byte);
    return hash;
}

/// One of each kind, in the order of their numbers; none of its fields is a default.
inline std::vector<Move> sample_moves() {
    const RecordOpening record{3, {1, 2, 3}, {hash_of(4), hash_of(5)}};
    const RecordOpening other{6, {7}, {}};
    const base::InclusionProof proof{1, 3, {hash_of(8), hash_of(9)}};
    const Source written{record, hash_of(10), other, hash_of(11), {hash_of(12)}, proof};
    const Neighbour left{other, hash_of(14), {hash_of(15)}};
    return {PostStatement{{1, 2}, hash_of(1), hash_of(2)},
            PickHalf{true},
            PostRoots{{hash_of(3), hash_of(4)}},
            Pick{5},
            PostRoot{hash_of(6)},
            Contest{true},
            PostUnit{hash_of(7), hash_of(8)},
            PostTensor{record, other, hash_of(9)},
            PostChildren{{hash_of(10)}},
            PostTile{{1, 2, 3, 4}},
            PickCell{11, 12},
            PostOpenings{{5, 6, 7}},
            PostLeaves{13, left},
            ShowSkipped{other, record},
            PostSource{written, left},
            ShowWriter{record},
            Resign{},
            PostSpot{record, other, hash_of(16), {hash_of(17)}, hash_of(18), {hash_of(19)}}};
}

inline Terms sample_terms() {
    Terms terms;
    terms.job = {hash_of(1), hash_of(2), "f32"};
    terms.data_root = base::BlobRoot{hash_of(3)};
    terms.data_bytes = 4000;
    terms.train_count = 900;
    terms.round = 5;
    terms.lane = 6;
    terms.first_step = 70;
    terms.steps = 8;
    terms.round_start_root = hash_of(9);
    terms.previous_round_root = hash_of(10);
    terms.start_root = hash_of(11);
    terms.asserted = hash_of(12);
    return terms;
}

}  // namespace assay::dispute::testing
