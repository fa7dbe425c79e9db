#include "client/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace assay::client {
namespace {

namespace fs = std::filesystem;

class KeyFile : public testing::Test {
  protected:
    KeyFile() {
        std::string pattern = (fs::temp_directory_path() / "key-test-XXXXXX").string();
        dir_ = ::mkdtemp(pattern.data());
    }
    ~KeyFile() override { fs::remove_all(dir_); }

    static Passphrase words(std::string_view text) {
        return *Passphrase::from_bytes(base::view_of(text));
    }
    static std::string read(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const fs::path& file, const std::string& bytes) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
        ::chmod(file.c_str(), 0600);
    }
    fs::path create(const KeySet& keys, const char* name = "a.key") const {
        const fs::path file = dir_ / name;
        EXPECT_TRUE(
            create_key_file(file, keys, words("correct"), KeyCost::interactive).has_value());
        return file;
    }

    fs::path dir_;
};

TEST_F(KeyFile, KeepsAllKeys) {
    const KeySet keys = KeySet::generate(true, true);
    const fs::path file = create(keys);
    const auto opened = open_key_file(file, words("correct"));
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->hot.public_key(), keys.hot.public_key());
    EXPECT_EQ(opened->cold->public_key(), keys.cold->public_key());
    EXPECT_EQ(opened->vrf->public_key(), keys.vrf->public_key());
    EXPECT_EQ(opened->first_key(), keys.cold->public_key());
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_), {}), 1) << "temporary files stay behind";
}

TEST_F(KeyFile, ShowsPublicKeysWithoutPassphrase) {
    const KeySet keys = KeySet::generate(false, false);
    const auto info = inspect_key_file(create(keys));
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->hot, keys.hot.public_key());
    EXPECT_FALSE(info->cold || info->vrf);
    EXPECT_EQ(info->first_key(), keys.hot.public_key());
}

TEST_F(KeyFile, RefusesTheWrongPassphrase) {
    const fs::path file = create(KeySet::generate(false, false));
    EXPECT_EQ(open_key_file(file, words("incorrect")).error(),
              KeyFileError::wrong_passphrase_or_damaged);
}

TEST_F(KeyFile, RefusesEveryChangedByte) {
    const fs::path file = create(KeySet::generate(false, false));
    const std::string good = read(file);
    // Positions that cost no derivation, all of the magic and version; of the rest a sample, since
    // each derivation takes 64 MiB and time.
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{9}, std::size_t{10},
          std::size_t{20}, std::size_t{36}, std::size_t{60}, good.size() - 40, good.size() - 1}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 1);
        write(file, bad);
        EXPECT_FALSE(open_key_file(file, words("correct")).has_value()) << "byte " << at;
    }
    write(file, good);
    EXPECT_TRUE(open_key_file(file, words("correct")).has_value());
}

TEST_F(KeyFile, RefusesWrongSizesAndStrangers) {
    const fs::path file = create(KeySet::generate(false, false));
    const std::string good = read(file);
    write(file, good.substr(0, good.size() - 1));
    EXPECT_EQ(open_key_file(file, words("correct")).error(), KeyFileError::not_a_key_file);
    write(file, good + "x");
    EXPECT_EQ(open_key_file(file, words("correct")).error(), KeyFileError::not_a_key_file);
    write(file, "");
    EXPECT_EQ(open_key_file(file, words("correct")).error(), KeyFileError::not_a_key_file);
    EXPECT_EQ(open_key_file(dir_ / "none", words("correct")).error(), KeyFileError::missing);
}

TEST_F(KeyFile, RefusesCostsBelowTheMinimumAndAboveTheMaximum) {
    const fs::path file = create(KeySet::generate(false, false));
    const std::string good = read(file);
    EXPECT_EQ(open_key_file(file, words("correct"), KeyCost::standard).error(),
              KeyFileError::cost_too_low);
    std::string weak = good;
    weak[11] = 1;  // passes
    write(file, weak);
    EXPECT_EQ(open_key_file(file, words("correct")).error(), KeyFileError::cost_too_low);
    std::string greedy = good;
    greedy[18] = 0x7f;  // memory: the top byte
    write(file, greedy);
    EXPECT_EQ(open_key_file(file, words("correct")).error(), KeyFileError::cost_too_high);
}

TEST_F(KeyFile, RefusesLinksAndOpenPermissions) {
    const fs::path file = create(KeySet::generate(false, false));
    fs::create_symlink(file, dir_ / "link");
    EXPECT_EQ(open_key_file(dir_ / "link", words("correct")).error(), KeyFileError::unreadable);
    ::chmod(file.c_str(), 0640);
    EXPECT_EQ(open_key_file(file, words("correct")).error(), KeyFileError::wrong_permissions);
}

TEST_F(KeyFile, IsNeverOverwritten) {
    const fs::path file = create(KeySet::generate(false, false));
    const std::string before = read(file);
    EXPECT_EQ(
        create_key_file(file, KeySet::generate(false, false), words("other"), KeyCost::interactive)
            .error(),
        KeyFileError::exists);
    EXPECT_EQ(read(file), before);
}

TEST_F(KeyFile, ChangesItsPassphrase) {
    const KeySet keys = KeySet::generate(false, true);
    const fs::path file = create(keys);
    EXPECT_FALSE(change_passphrase(file, words("incorrect"), words("new"), KeyCost::interactive)
                     .has_value());
    ASSERT_TRUE(
        change_passphrase(file, words("correct"), words("new"), KeyCost::interactive).has_value());
    EXPECT_FALSE(open_key_file(file, words("correct")).has_value());
    EXPECT_EQ(open_key_file(file, words("new"))->hot.public_key(), keys.hot.public_key());
}

TEST_F(KeyFile, OpensTheGoldenFile) {
    const std::string hex = read(fs::path(ASSAY_SOURCE_DIR) / "tests/golden/key_file.hex");
    const auto bytes = base::from_hex(std::string_view(hex).substr(0, hex.find('\n')));
    ASSERT_TRUE(bytes.has_value());
    write(dir_ / "golden.key", std::string(bytes->begin(), bytes->end()));
    const auto opened = open_key_file(dir_ / "golden.key", words("golden passphrase"));
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->hot.public_key(),
              base::SecretKey::from_seed(base::Bytes(32, 1)).public_key());
}

TEST_F(KeyFile, PassphrasesComeFromPrivateFilesOnly) {
    std::ofstream(dir_ / "open") << "words\n";
    ::chmod((dir_ / "open").c_str(), 0644);
    EXPECT_FALSE(Passphrase::from_file(dir_ / "open").has_value());
    write(dir_ / "private", "words\nmore");
    const auto passphrase = Passphrase::from_file(dir_ / "private");
    ASSERT_TRUE(passphrase.has_value());
    EXPECT_EQ(base::to_hex(passphrase->view()), base::to_hex(base::view_of("words")));
    write(dir_ / "empty", "\n");
    EXPECT_FALSE(Passphrase::from_file(dir_ / "empty").has_value());
    write(dir_ / "long", std::string(1025, 'x'));
    EXPECT_FALSE(Passphrase::from_file(dir_ / "long").has_value());
}

}  // namespace
}  // namespace assay::client
