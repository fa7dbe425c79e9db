#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "roots_table.h"

/// `equality_roots`: prints the table of results that must be the same everywhere and compares it
/// with the golden one. scripts/portability runs it for every compiler and processor.
namespace {

constexpr const char* kHelp =
    R"(equality_roots: results that must be the same on every machine, compiler and instruction set.

  equality_roots                  prints lines "name target value"
  equality_roots --golden FILE    also compares each with the line "name value" of FILE
  equality_roots --write FILE     writes such a file; only for a wanted change of the profile

Ends with 0 when all targets of this machine agree (and agree with FILE), 1 when one differs, 2 on a
wrong option, 3 when FILE cannot be used.
)";

using Golden = std::map<std::string, std::string>;

bool read_golden(const std::string& file, Golden& golden) {
    std::ifstream in(file);
    if (!in) return false;
    std::string line;
    while (std::getline(in, line)) {
        if (line.empty() || line.front() == '#') continue;
        std::istringstream fields(line);
        std::string name, value;
        if (!(fields >> name >> value)) return false;
        golden[name] = value;
    }
    return !golden.empty();
}

bool write_golden(const std::string& file, const Golden& golden) {
    std::ofstream out(file, std::ios::trunc);
    out << "# Results that are the same on every machine, compiler and instruction set. Printed by "
           "equality_roots;\n# a changed line is a change of profile f32.\n";
    for (const auto& [name, value] : golden) out << name << ' ' << value << '\n';
    out.close();
    return out.good();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string option = argc > 1 ? argv[1] : "", file = argc > 2 ? argv[2] : "";
    if (option == "--help" || option == "-h") {
        std::fputs(kHelp, stdout);
        return 0;
    }
    const bool compare = option == "--golden", write = option == "--write";
    if (argc > 3 || (!option.empty() && (file.empty() || (!compare && !write)))) {
        std::fputs("equality_roots: wrong options (see --help)\n", stderr);
        return 2;
    }
    Golden golden;
    if (compare && !read_golden(file, golden)) {
        std::fprintf(stderr, "equality_roots: cannot read %s\n", file.c_str());
        return 3;
    }
    const auto rows = assay::equality::compute_rows([](const std::string& section) {
        std::fprintf(stderr, "equality_roots: %s\n", section.c_str());
    });
    Golden seen;
    int different = 0;
    for (const assay::equality::Row& row : rows) {
        std::printf("%s %s %s\n", row.name.c_str(), row.target.c_str(), row.value.c_str());
        // Without a golden file the first target is what the others must equal.
        const std::string& first = seen.try_emplace(row.name, row.value).first->second;
        const auto wanted = golden.find(row.name);
        if (row.value == first && (!compare || (wanted != golden.end() && wanted->second == first)))
            continue;
        ++different;
        std::printf("DIFFERS: %s on %s\n", row.name.c_str(), row.target.c_str());
    }
    for (const auto& [name, value] : golden) {
        if (seen.contains(name)) continue;
        ++different;
        std::printf("MISSING: %s\n", name.c_str());
    }
    if (write && different == 0 && !write_golden(file, seen)) {
        std::fprintf(stderr, "equality_roots: cannot write %s\n", file.c_str());
        return 3;
    }
    std::printf("%zu results, %d differ\n", rows.size(), different);
    return different == 0 ? 0 : 1;
}
