#include <dlfcn.h>

#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <tl/expected.hpp>

#include "contestants.h"
#include "exact/environment.h"
#include "exact/matmul.h"
#include "protocol.h"

namespace assay::bench {

namespace {

enum class Layout : std::uint8_t {
    nn,  ///< forward: C = A B
    nt,  ///< input gradient: C = A B', B stored transposed
    tn,  ///< weight gradient: C += A' B over the sequences of a batch, A stored transposed
};

/// One product, as `ROWSxCOLSxK:LAYOUT[:SEQUENCES]`. For tn, k is cut into that many sequences,
/// each a chain of its own as the executor runs them.
struct Product {
    std::string name;
    std::size_t rows = 0, cols = 0, k = 0, sequences = 1;
    Layout layout = Layout::nn;
    [[nodiscard]] double gigaflops() const {
        return 2e-9 * static_cast<double>(rows) * static_cast<double>(cols) *
               static_cast<double>(k);
    }
};

std::optional<Product> parse(const std::string& text) {
    Product product;
    product.name = text;
    const char* at = text.data();
    const char* const end = at + text.size();
    const auto number = [&](std::size_t& value, char after) {
        const auto [stop, error] = std::from_chars(at, end, value);
        if (error != std::errc() || value == 0 || value > 1'000'000) return false;
        at = stop;
        if (after == 0) return at == end;
        return at != end && *at++ == after;
    };
    if (!number(product.rows, 'x') || !number(product.cols, 'x') || !number(product.k, ':'))
        return std::nullopt;
    const std::string_view rest(at, static_cast<std::size_t>(end - at));
    const std::string_view layout = rest.substr(0, 2);
    if (layout == "nn")
        product.layout = Layout::nn;
    else if (layout == "nt")
        product.layout = Layout::nt;
    else if (layout == "tn")
        product.layout = Layout::tn;
    else
        return std::nullopt;
    at += 2;
    if (at == end) return product;
    if (*at++ != ':' || product.layout != Layout::tn || !number(product.sequences, 0) ||
        product.k % product.sequences != 0)
        return std::nullopt;
    return product;
}

/// Operands between -1 and 1, so that C grows slowly.
struct Operands {
    std::vector<float> a, b, c;
    explicit Operands(const Product& p) : a(p.rows * p.k), b(p.k * p.cols), c(p.rows * p.cols) {
        std::uint64_t state = 1;
        const auto fill = [&state](std::vector<float>& to) {
            for (float& x : to) {
                state = state * 6364136223846793005U + 1442695040888963407U;
                x = static_cast<float>(static_cast<std::int64_t>(state) >> 40) * 0x1p-23F;
            }
        };
        fill(a);
        fill(b);
    }
};

/// What computes the products.
class Engine {
  public:
    virtual ~Engine() = default;
    virtual void multiply(const Product& product, Operands& operands) = 0;
    [[nodiscard]] virtual Json description() const = 0;
};

class Exact final : public Engine {
  public:
    Exact(const exact::Kernels& kernels, unsigned threads)
        : kernels_(kernels), pool_(threads), workspaces_(threads) {}
    void multiply(const Product& p, Operands& o) override {
        exact::Matmul m;
        m.rows = p.rows;
        m.cols = p.cols;
        m.chains = p.sequences;
        m.k = p.k / p.sequences;
        m.a = {o.a.data(), p.layout == Layout::tn ? p.rows : p.k, p.layout == Layout::tn,
               m.k * p.rows};
        m.b = {o.b.data(), p.layout == Layout::nt ? p.k : p.cols, p.layout == Layout::nt,
               m.k * p.cols};
        m.c = o.c.data();
        m.c_stride = p.cols;
        if (p.layout == Layout::tn) {
            m.start = m.c;
            m.start_stride = p.cols;
        }
        exact::matmul(kernels_, {&m, 1}, pool_, workspaces_);
    }
    [[nodiscard]] Json description() const override {
        return {{"contestant", "exact"}, {"target", kernels_.name}, {"threads", pool_.threads()}};
    }

  private:
    exact::FloatEnvironment environment_;
    const exact::Kernels& kernels_;
    exact::ThreadPool pool_;
    std::vector<exact::MatmulWorkspace> workspaces_;
};

/// An OpenBLAS opened while the program runs, so that each core type is a process of its own and
/// the project depends on none.
class OpenBlas final : public Engine {
  public:
    static tl::expected<std::unique_ptr<OpenBlas>, std::string> open(
        const std::filesystem::path& library, unsigned threads) {
        void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr) return tl::unexpected("--library: " + std::string(::dlerror()));
        auto blas = std::make_unique<OpenBlas>();
        blas->threads_ = threads;
        blas->gemm_ = reinterpret_cast<Gemm*>(::dlsym(handle, "cblas_sgemm"));
        auto* const set_threads =
            reinterpret_cast<void (*)(int)>(::dlsym(handle, "openblas_set_num_threads"));
        auto* const core_name =
            reinterpret_cast<const char* (*)()>(::dlsym(handle, "openblas_get_corename"));
        if (blas->gemm_ == nullptr || set_threads == nullptr || core_name == nullptr)
            return tl::unexpected("--library: " + library.string() + " is not an OpenBLAS");
        set_threads(static_cast<int>(threads));
        blas->core_ = core_name();
        return blas;
    }
    void multiply(const Product& p, Operands& o) override {
        const bool a_turned = p.layout == Layout::tn, b_turned = p.layout == Layout::nt;
        const auto size = [](std::size_t n) { return static_cast<int>(n); };
        gemm_(kRowMajor, a_turned ? kTransposed : kPlain, b_turned ? kTransposed : kPlain,
              size(p.rows), size(p.cols), size(p.k), 1.0F, o.a.data(),
              size(a_turned ? p.rows : p.k), o.b.data(), size(b_turned ? p.k : p.cols),
              a_turned ? 1.0F : 0.0F, o.c.data(), size(p.cols));
    }
    [[nodiscard]] Json description() const override {
        return {{"contestant", "openblas"}, {"core", core_}, {"threads", threads_}};
    }

  private:
    using Gemm = void(int, int, int, int, int, int, float, const float*, int, const float*, int,
                      float, float*, int);
    static constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112;  // of the CBLAS standard
    Gemm* gemm_ = nullptr;
    std::string core_;
    unsigned threads_ = 1;
};

tl::expected<std::unique_ptr<Engine>, std::string> engine_of(const Options& options) {
    if (!options.library.empty()) return OpenBlas::open(options.library, options.threads);
    const auto available = exact::available_kernels();
    const exact::Kernels* kernels =
        options.target == "best" ? available.back() : exact::find_kernels(options.target.c_str());
    if (kernels == nullptr)
        return tl::unexpected("--target: " + options.target +
                              " is not known or not available here");
    return std::make_unique<Exact>(*kernels, options.threads);
}

}  // namespace

int run_matmul(const Options& options) {
    std::vector<Product> products;
    for (const std::string& text : options.products) {
        auto product = parse(text);
        if (!product)
            return fail("--shape: " + text + " is not ROWSxCOLSxK:LAYOUT[:SEQUENCES] (see --help)");
        products.push_back(std::move(*product));
    }
    auto engine = engine_of(options);
    if (!engine) return fail(engine.error());
    Json ready = (*engine)->description();
    ready["unit"] = "GFLOP/s";
    ready["names"] = options.products;
    std::string current;
    std::unique_ptr<Operands> operands;
    const auto measure = [&](const std::string& name) -> double {
        const Product* product = name.empty() ? &products.front() : nullptr;
        for (const Product& candidate : products) {
            if (candidate.name == name) product = &candidate;
        }
        if (product == nullptr) return std::nan("");
        if (operands == nullptr || current != product->name) {
            operands = std::make_unique<Operands>(*product);
            current = product->name;
            (*engine)->multiply(*product, *operands);  // pages and caches
        }
        // Several products per measurement, so that the clock's resolution does not matter.
        constexpr double kMillisecondsMin = 20;
        const Stopwatch watch;
        unsigned done = 0;
        do {
            (*engine)->multiply(*product, *operands);
            ++done;
        } while (watch.milliseconds() < kMillisecondsMin);
        return product->gigaflops() * done / watch.milliseconds() * 1e3;
    };
    return serve(ready, measure);
}

}  // namespace assay::bench
