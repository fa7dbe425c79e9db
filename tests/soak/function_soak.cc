#include "function_soak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "base/hash.h"
#include "exact/environment.h"
#include "exact/kernels.h"
#include "unary_functions.h"

namespace assay::soak {

using equality::UnaryFunction;

namespace {

constexpr std::uint64_t kPieceInputs = std::uint64_t{1} << 24U;
constexpr std::size_t kChunk = 4096;

/// What a piece found; a line of the record.
struct Piece {
    const UnaryFunction* function = nullptr;
    std::uint32_t number = 0;
    double worst_ulp = 0;
    std::uint32_t worst_at = 0;
    std::uint64_t mismatches = 0;
    std::string first_mismatch;
};

std::string hex(std::uint32_t word) {
    char text[16];
    std::snprintf(text, sizeof text, "%08x", word);
    return text;
}

void note_mismatch(Piece& piece, const std::string& by, std::uint32_t input, std::uint32_t got,
                   std::uint32_t wanted) {
    if (piece.mismatches++ == 0)
        piece.first_mismatch =
            by + " gives " + hex(got) + ", not " + hex(wanted) + ", at " + hex(input);
}

Piece run_piece(const UnaryFunction& function, std::uint32_t number) {
    const exact::FloatEnvironment environment;
    Piece piece;
    piece.function = &function;
    piece.number = number;
    std::vector<std::uint32_t> in(kChunk), expected(kChunk), actual(kChunk);
    const std::uint64_t first = number * kPieceInputs;
    for (std::uint64_t begin = first; begin < first + kPieceInputs; begin += kChunk) {
        for (std::size_t i = 0; i < kChunk; ++i) {
            in[i] = static_cast<std::uint32_t>(begin + i);
            expected[i] = function.scalar(in[i]);
        }
        for (const exact::Kernels* kernels : exact::available_kernels()) {
            function.by_table(*kernels, in.data(), actual.data(), kChunk);
            for (std::size_t i = 0; i < kChunk; ++i) {
                if (!equality::same_result(function, actual[i], expected[i]))
                    note_mismatch(piece, kernels->name, in[i], actual[i], expected[i]);
            }
        }
        for (std::size_t i = 0; i < kChunk; ++i) {
            if (function.truth == nullptr) {
                const std::uint32_t right = function.right(in[i]);
                if (!equality::same_result(function, expected[i], right))
                    note_mismatch(piece, "the definition", in[i], expected[i], right);
                continue;
            }
            const double error = equality::error_in_ulp(function, in[i], expected[i]);
            if (error > piece.worst_ulp) piece.worst_ulp = error, piece.worst_at = in[i];
        }
    }
    return piece;
}

/// Results hold for the program that found them: its own bytes name it.
std::string program_hash() {
    std::ifstream in("/proc/self/exe", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const base::ByteView view{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
    return base::Hasher("assay.soak").add(view).finish().hex();
}

std::string line_of(const Piece& piece) {
    std::ostringstream line;
    line.precision(17);
    line << piece.function->name << ' ' << piece.number << ' ' << piece.worst_ulp << ' '
         << piece.worst_at << ' ' << piece.mismatches << ' ' << piece.first_mismatch;
    return line.str();
}

std::optional<Piece> piece_of(const std::string& line) {
    std::istringstream in(line);
    std::string name, ulp;
    Piece piece;
    if (!(in >> name >> piece.number >> ulp >> piece.worst_at >> piece.mismatches))
        return std::nullopt;
    piece.worst_ulp = std::strtod(ulp.c_str(), nullptr);  // Streams do not read "inf".
    std::getline(in >> std::ws, piece.first_mismatch);
    for (const UnaryFunction& function : equality::unary_functions()) {
        if (name == function.name) piece.function = &function;
    }
    if (piece.function == nullptr) return std::nullopt;
    return piece;
}

/// The record of finished pieces: a first line that names the program, then a line per piece.
class Record {
  public:
    static tl::expected<std::unique_ptr<Record>, std::string> open(
        const std::filesystem::path& directory) {
        std::error_code error;
        std::filesystem::create_directories(directory, error);
        const std::filesystem::path file = directory / "functions.txt";
        std::unique_ptr<Record> record(new Record);
        const std::string header = "program " + program_hash();
        std::ifstream in(file);
        std::string line;
        const bool same = static_cast<bool>(std::getline(in, line)) && line == header;
        // A line that a kill cut off has no end: it is not counted, its piece is run again.
        while (same && std::getline(in, line) && !in.eof()) {
            if (auto piece = piece_of(line)) record->pieces_.push_back(std::move(*piece));
        }
        in.close();
        record->out_.open(file, std::ios::trunc);
        record->out_ << header << '\n';
        for (const Piece& piece : record->pieces_) record->out_ << line_of(piece) << '\n';
        record->out_.flush();
        if (!record->out_) return tl::unexpected("cannot write " + file.string());
        return record;
    }
    void add(Piece piece) {
        out_ << line_of(piece) << '\n';
        out_.flush();
        pieces_.push_back(std::move(piece));
    }
    [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }
    [[nodiscard]] bool good() const { return out_.good(); }

  private:
    Record() = default;
    std::ofstream out_;
    std::vector<Piece> pieces_;
};

std::vector<const UnaryFunction*> chosen(const std::vector<std::string>& names) {
    std::vector<const UnaryFunction*> functions;
    for (const UnaryFunction& function : equality::unary_functions()) {
        if (names.empty() || std::ranges::find(names, function.name) != names.end())
            functions.push_back(&function);
    }
    return functions;
}

std::vector<FunctionReport> summary(const std::vector<const UnaryFunction*>& functions,
                                    const std::vector<Piece>& pieces) {
    std::vector<FunctionReport> reports;
    for (const UnaryFunction* function : functions) {
        FunctionReport report;
        report.name = function->name;
        for (const Piece& piece : pieces) {
            if (piece.function != function) continue;
            report.inputs += kPieceInputs;
            report.mismatches += piece.mismatches;
            if (report.first_mismatch.empty()) report.first_mismatch = piece.first_mismatch;
            if (piece.worst_ulp > report.worst_ulp)
                report.worst_ulp = piece.worst_ulp, report.worst_at = piece.worst_at;
        }
        reports.push_back(std::move(report));
    }
    return reports;
}

}  // namespace

std::vector<std::string> table_names() {
    std::vector<std::string> names;
    for (const exact::Kernels* kernels : exact::available_kernels())
        names.emplace_back(kernels->name);
    return names;
}

tl::expected<std::vector<FunctionReport>, std::string> soak_functions(
    const FunctionSoakOptions& options) {
    const std::vector<const UnaryFunction*> functions = chosen(options.functions);
    if (functions.empty()) return tl::unexpected(std::string("no such function"));
    auto record = Record::open(options.directory);
    if (!record) return tl::unexpected(record.error());
    std::set<std::pair<const UnaryFunction*, std::uint32_t>> done;
    for (const Piece& piece : (*record)->pieces()) done.insert({piece.function, piece.number});
    std::vector<std::pair<const UnaryFunction*, std::uint32_t>> left;
    for (const UnaryFunction* function : functions) {
        for (std::uint32_t number = 0; number < options.pieces; ++number) {
            if (!done.contains({function, number})) left.emplace_back(function, number);
        }
    }
    options.progress(std::to_string(functions.size() * options.pieces - left.size()) +
                     " pieces are on record, " + std::to_string(left.size()) + " are left");

    std::mutex mutex;
    std::atomic<std::size_t> next{0};
    auto said = std::chrono::steady_clock::now();
    std::size_t finished = 0;
    const auto work = [&] {
        for (std::size_t i = next.fetch_add(1); i < left.size(); i = next.fetch_add(1)) {
            Piece piece = run_piece(*left[i].first, left[i].second);
            const std::lock_guard lock(mutex);
            ++finished;
            const auto now = std::chrono::steady_clock::now();
            const bool last = finished == left.size();
            if (piece.mismatches != 0 || last || now - said > std::chrono::seconds(5)) {
                said = now;
                options.progress(std::string(piece.function->name) + " piece " +
                                 std::to_string(piece.number) + " (" + std::to_string(finished) +
                                 " of " + std::to_string(left.size()) + ")" +
                                 (piece.mismatches == 0 ? "" : ": " + piece.first_mismatch));
            }
            (*record)->add(std::move(piece));
        }
    };
    {
        std::vector<std::jthread> threads;
        for (unsigned t = 1; t < options.threads; ++t) threads.emplace_back(work);
        work();
    }
    if (!(*record)->good()) return tl::unexpected(std::string("the record cannot be written"));
    std::vector<Piece> counted;
    for (const Piece& piece : (*record)->pieces()) {
        if (piece.number < options.pieces) counted.push_back(piece);
    }
    return summary(functions, counted);
}

}  // namespace assay::soak
