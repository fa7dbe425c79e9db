#include "market/overlay.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace assay::market {
namespace {

using base::Bytes;

TEST(Overlay, ReadsItsOwnWritesOverTheBase) {
    MemoryState base;
    base.write({{Bytes{1}, Bytes{10}}, {Bytes{2}, Bytes{20}}});
    Overlay overlay(base);
    overlay.put(Bytes{1}, Bytes{11});
    overlay.erase(Bytes{2});
    EXPECT_EQ(overlay.get(Bytes{1}), Bytes{11});
    EXPECT_EQ(overlay.get(Bytes{2}), std::nullopt);
    EXPECT_EQ(overlay.get(Bytes{3}), std::nullopt);
    EXPECT_EQ(base.get(Bytes{2}), Bytes{20});
}

TEST(Overlay, DropsWhatEndedAsItBegan) {
    MemoryState base;
    base.write({{Bytes{1}, Bytes{10}}});
    Overlay overlay(base);
    overlay.put(Bytes{1}, Bytes{11});
    overlay.put(Bytes{1}, Bytes{10});
    overlay.put(Bytes{2}, Bytes{});
    overlay.erase(Bytes{2});
    overlay.put(Bytes{3}, Bytes{});
    overlay.drop_unchanged();
    EXPECT_EQ(overlay.changes(), (StateChanges{{Bytes{3}, Bytes{}}}));
}

TEST(Overlay, SeekStaysWithinThePrefix) {
    MemoryState base;
    base.write({{Bytes{1, 9}, Bytes{1}}, {Bytes{3}, Bytes{2}}});
    Overlay overlay(base);
    overlay.put(Bytes{2, 255}, Bytes{3});
    EXPECT_EQ(overlay.seek(Bytes{}, Bytes{2})->first, (Bytes{2, 255}));
    EXPECT_FALSE(overlay.seek(Bytes{2, 255, 0}, Bytes{2}));
    EXPECT_FALSE(overlay.seek(Bytes{3}, Bytes{2}));
    EXPECT_FALSE(overlay.seek(Bytes{}, Bytes{4}));
    EXPECT_EQ(overlay.seek(Bytes{}, Bytes{})->first, (Bytes{1, 9}));
}

/// A base and an overlay behave as one map.
TEST(Overlay, SeeksAsOneMapDoes) {
    using Writes = std::vector<std::pair<std::pair<std::uint8_t, std::uint8_t>, std::uint8_t>>;
    EXPECT_TRUE(rc::check(
        [](const Writes& stored, const Writes& written, std::uint8_t prefix, std::uint8_t second) {
            const auto key_of = [](const std::pair<std::uint8_t, std::uint8_t>& key) {
                return Bytes{static_cast<std::uint8_t>(key.first % 4),
                             static_cast<std::uint8_t>(key.second % 16)};
            };
            MemoryState base, model;
            for (const auto& [key, value] : stored) {
                base.write({{key_of(key), Bytes{value}}});
                model.write({{key_of(key), Bytes{value}}});
            }
            Overlay overlay(base);
            for (const auto& [key, value] : written) {
                if (value % 2 == 0) {
                    overlay.erase(key_of(key));
                    model.write({{key_of(key), std::nullopt}});
                } else {
                    overlay.put(key_of(key), Bytes{value});
                    model.write({{key_of(key), Bytes{value}}});
                }
            }
            const Bytes view{static_cast<std::uint8_t>(prefix % 4)};
            const Bytes from{static_cast<std::uint8_t>(prefix % 4),
                             static_cast<std::uint8_t>(second % 16)};
            RC_ASSERT(overlay.seek(from, view) == model.seek(from, view));
            RC_ASSERT(overlay.seek({}, view) == model.seek({}, view));
            RC_ASSERT(overlay.seek(from, {}) == model.seek(from, {}));
        }));
}

}  // namespace
}  // namespace assay::market
