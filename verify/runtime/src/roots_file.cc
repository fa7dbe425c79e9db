#include "roots_file.h"

#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

#include "commit/checkpoint.h"

namespace assay::runtime {

namespace {

/// The three numbers at the start of a line.
std::optional<std::array<std::uint32_t, 3>> place_of(std::string_view line) {
    std::array<std::uint32_t, 3> numbers{};
    for (std::uint32_t& number : numbers) {
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
        if (error != std::errc() || end == line.data() + line.size() || *end != ' ')
            return std::nullopt;
        line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
    }
    return numbers;
}

std::string kept_lines(const std::filesystem::path& file, const RootsFile::Keep& keep) {
    std::ifstream in(file);
    std::string kept;
    for (std::string line; std::getline(in, line) && !in.eof();) {
        const auto place = place_of(line);
        if (place && keep((*place)[0], (*place)[1], (*place)[2])) kept += line + "\n";
    }
    return kept;
}

}  // namespace

tl::expected<RootsFile, std::string> RootsFile::open(const std::filesystem::path& file,
                                                     const Keep& keep) {
    const std::string kept = kept_lines(file, keep);
    if (const auto written = commit::write_file_atomically(file, base::view_of(kept)); !written) {
        return tl::unexpected(file.string() + ": " +
                              std::string(commit::message_of(written.error())));
    }
    RootsFile result;
    result.path_ = file;
    result.file_.reset(std::fopen(file.c_str(), "ae"));
    if (!result.file_) return tl::unexpected(file.string() + ": cannot be opened");
    return result;
}

tl::expected<void, std::string> RootsFile::append(std::uint32_t round, std::uint32_t lane,
                                                  std::uint32_t step, const base::Hash& root,
                                                  float loss) {
    std::array<char, 32> number{};
    // nine digits name one binary32 exactly, whatever the locale
    const auto [end, error] = std::to_chars(number.data(), number.data() + number.size(), loss,
                                            std::chars_format::general, 9);
    if (error != std::errc()) return tl::unexpected(path_.string() + ": a loss cannot be written");
    const std::string line = std::to_string(round) + " " + std::to_string(lane) + " " +
                             std::to_string(step) + " " + root.hex() + " " +
                             std::string(number.data(), end) + "\n";
    const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() &&
                         std::fflush(file_.get()) == 0;
    if (!written) return tl::unexpected(path_.string() + ": cannot be written");
    return {};
}

}  // namespace assay::runtime
