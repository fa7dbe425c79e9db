#include "runtime/backend.h"

#include <array>

#include "base/check.h"
#include "cpu_backend.h"
#include "exact/kernels.h"
#include "reference_backend.h"

namespace assay::runtime {

namespace {

struct Named {
    const char* name;
    Target target;
    const char* kernels;  ///< table of exact/kernels.h; null: the reference
};
// Highway's SSE4 has no fma: what is left of it is the scalar definition, vectorised by nobody.
constexpr std::array kTargets = {
    Named{"scalar", Target::scalar, nullptr}, Named{"sse4", Target::sse4, "portable"},
    Named{"avx2", Target::avx2, "avx2"}, Named{"avx512", Target::avx512, "avx512"},
    Named{"neon", Target::neon, "neon"}};

bool is_available(const Named& named) {
    return named.kernels == nullptr || exact::find_kernels(named.kernels) != nullptr;
}

/// The kernels of a target; null for the reference.
const exact::Kernels* kernels_of(Target target) {
    if (target == Target::best) return exact::available_kernels().back();
    for (const Named& named : kTargets) {
        if (named.target != target || named.kernels == nullptr) continue;
        const exact::Kernels* kernels = exact::find_kernels(named.kernels);
        ASSAY_CHECK(kernels != nullptr);  // target_from_name gives no other.
        return kernels;
    }
    return nullptr;
}

}  // namespace

std::optional<Target> target_from_name(std::string_view name) {
    if (name == "best") return Target::best;
    for (const Named& named : kTargets) {
        if (name == named.name && is_available(named)) return named.target;
    }
    return std::nullopt;
}

std::vector<std::string> available_targets() {
    std::vector<std::string> names;
    for (const Named& named : kTargets) {
        if (is_available(named)) names.emplace_back(named.name);
    }
    return names;
}

std::unique_ptr<Backend> make_backend(const program::Program& program,
                                      const ExecutorOptions& options, bool looked_at) {
    const exact::Kernels* const kernels = kernels_of(options.target);
    if (kernels == nullptr) return std::make_unique<ReferenceBackend>(program);
    return std::make_unique<CpuBackend>(program, options, *kernels, looked_at);
}

}  // namespace assay::runtime
