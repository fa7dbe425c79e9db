#include "roots_table.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "exact/environment.h"
#include "exact/fma.h"
#include "exact/kernels.h"
#include "exact/math.h"
#include "exact/matmul.h"
#include "exact/philox.h"
#include "exact/storage.h"
#include "text_jobs.h"
#include "unary_functions.h"

namespace assay::equality {

using exact::ChunkOp;
using exact::Kernels;

namespace {

constexpr std::uint32_t kFunctionStride = 65'537;
constexpr std::uint32_t kSteps = 12, kMergeSteps = 3;

class Draw {
  public:
    explicit Draw(std::uint64_t seed) : state_(seed) {}
    std::uint32_t word() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(state_ >> 32U);
    }
    std::uint32_t below(std::uint32_t limit) { return word() % limit; }
    /// Mostly near 1; zeros of either sign, subnormals, the neighbours of 2^-63 and huge numbers.
    float real() {
        constexpr float kSpecial[] = {-0.0F,    0x1p-149F,        -0x1p-130F,
                                      0x1p-63F, -0x1.fffffep-64F, 0x1p62F};
        if (below(12) == 0) return kSpecial[below(6)];
        return std::bit_cast<float>((word() & 0x80ffffffU) | 0x3f000000U);
    }
    std::vector<float> reals(std::size_t count) {
        std::vector<float> values(count);
        for (float& x : values) x = real();
        return values;
    }

  private:
    std::uint64_t state_;
};

/// A digest of words in which every NaN is the canonical one.
class Digest {
  public:
    void add(std::uint32_t word) {
        if ((word & 0x7fffffffU) > 0x7f800000U) word = 0x7fc00000U;
        for (unsigned shift = 0; shift < 32; shift += 8)
            bytes_.push_back(static_cast<std::uint8_t>(word >> shift));
    }
    void add(float x) { add(std::bit_cast<std::uint32_t>(x)); }
    void add_all(const std::vector<float>& values) {
        for (const float x : values) add(x);
    }
    [[nodiscard]] std::string hex() const {
        return base::Hasher("assay.equality").add(base::ByteView(bytes_)).finish().hex();
    }

  private:
    base::Bytes bytes_;
};

std::string table_digest(const UnaryFunction& function, const std::vector<std::uint32_t>& in,
                         const Kernels* kernels) {
    std::vector<std::uint32_t> out(in.size());
    if (kernels != nullptr) {
        function.by_table(*kernels, in.data(), out.data(), in.size());
    } else {
        for (std::size_t i = 0; i < in.size(); ++i) out[i] = function.scalar(in[i]);
    }
    Digest digest;
    for (const std::uint32_t word : out) digest.add(word);
    return digest.hex();
}

void add_functions(std::vector<Row>& rows) {
    for (const UnaryFunction& function : unary_functions()) {
        const std::vector<std::uint32_t> in = inputs_of(function, kFunctionStride);
        const std::string name = std::string("function.") + function.name;
        rows.push_back({name, "definition", table_digest(function, in, nullptr)});
        for (const Kernels* kernels : exact::available_kernels())
            rows.push_back({name, kernels->name, table_digest(function, in, kernels)});
    }
}

/// The operations of two and three arguments on random words.
std::string chunk_digest(const Kernels& kernels) {
    Draw draw(1);
    constexpr std::size_t kCount = 5003;
    std::vector<std::uint32_t> a(kCount), b(kCount), c(kCount), out(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
        a[i] = draw.below(2) == 0 ? draw.word() : std::bit_cast<std::uint32_t>(draw.real());
        b[i] = draw.below(9) == 0 ? a[i] : std::bit_cast<std::uint32_t>(draw.real());
        c[i] = draw.below(5) == 0 ? draw.word() : std::bit_cast<std::uint32_t>(draw.real());
    }
    Digest digest;
    for (std::size_t op = 0; op < exact::kChunkOps; ++op) {
        kernels.chunk[op](a.data(), b.data(), c.data(), out.data(), kCount);
        for (const std::uint32_t word : out) digest.add(word);
    }
    return digest.hex();
}

std::string reduction_digest(const Kernels& kernels) {
    Draw draw(2);
    Digest digest;
    for (std::size_t n = 1; n < 300; n += n < 100 ? 1 : 13) {
        const std::vector<float> a = draw.reals(n), b = draw.reals(n);
        digest.add(kernels.sum(a.data(), n));
        digest.add(kernels.dot(a.data(), b.data(), n));
        digest.add(kernels.max(a.data(), n));
    }
    return digest.hex();
}

std::string matmul_digest(const Kernels& kernels) {
    Draw draw(3);
    Digest digest;
    exact::MatmulWorkspace workspace;
    for (int number = 0; number < 150; ++number) {
        exact::Matmul p;
        p.rows = 1 + draw.below(45);
        p.cols = 1 + draw.below(70);
        p.k = draw.below(4) == 0 ? 250 + draw.below(300) : draw.below(60);
        p.chains = draw.below(3) == 0 ? 1 + draw.below(5) : 1;
        p.a.transposed = draw.below(2) == 0;
        p.b.transposed = draw.below(2) == 0;
        p.a.stride = (p.a.transposed ? p.rows : p.k) + draw.below(5);
        p.b.stride = (p.b.transposed ? p.k : p.cols) + draw.below(5);
        const std::size_t a_size = (p.a.transposed ? p.k : p.rows) * p.a.stride;
        const std::size_t b_size = (p.b.transposed ? p.cols : p.k) * p.b.stride;
        p.a.chain_stride = a_size;
        p.b.chain_stride = b_size;
        const std::vector<float> a = draw.reals(p.chains * a_size + 8);
        const std::vector<float> b = draw.reals(p.chains * b_size + 8);
        std::vector<float> c = draw.reals(p.rows * p.cols);
        p.a.data = a.data();
        p.b.data = b.data();
        p.c = c.data();
        p.c_stride = p.cols;
        if (draw.below(2) == 0) p.start = c.data(), p.start_stride = p.cols;
        if (draw.below(3) == 0) p.k_band.hi = draw.below(40);
        if (draw.below(3) == 0 && p.chains == 1) p.out_band.hi = draw.below(20);
        exact::matmul(kernels, p, workspace);
        digest.add_all(c);
    }
    return digest.hex();
}

std::string philox_digest(const Kernels& kernels) {
    std::vector<std::uint32_t> words(4 * 1000);
    kernels.philox(0x243f6a88U, 0x85a308d3U, 0xfffffe00U, 1000, 3, 17, words.data());
    base::Bytes bytes(words.size() * 4);
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return base::Hasher("assay.equality").add(base::ByteView(bytes)).finish().hex();
}

void add_kernels(std::vector<Row>& rows) {
    for (const Kernels* kernels : exact::available_kernels()) {
        rows.push_back({"chunks", kernels->name, chunk_digest(*kernels)});
        rows.push_back({"reductions", kernels->name, reduction_digest(*kernels)});
        rows.push_back({"matmul", kernels->name, matmul_digest(*kernels)});
        rows.push_back({"philox", kernels->name, philox_digest(*kernels)});
    }
}

/// What has one implementation: the software fma, storage types, normals.
void add_scalars(std::vector<Row>& rows) {
    Draw draw(4);
    Digest soft, hard, storage, normals;
    for (int i = 0; i < 200'000; ++i) {
        const auto near = [&draw](std::uint32_t exponent) {
            return std::bit_cast<float>((draw.word() & 0x807fffffU) |
                                        ((exponent + draw.below(30)) << 23U));
        };
        const bool tiny = i % 2 == 0;
        const float a = near(tiny ? 45 : 110), b = near(tiny ? 45 : 110);
        const float c = i % 3 == 0 ? -(a * b) : near(tiny ? 0 : 100);
        soft.add(exact::soft_fma(a, b, c));
        hard.add(exact::fma_f32(a, b, c));
        const float x = std::bit_cast<float>(draw.word());
        storage.add(std::uint32_t{exact::f16_from_f32(x)} << 16U | exact::bf16_from_f32(x));
        storage.add(exact::f32_from_f16(static_cast<std::uint16_t>(draw.word())));
        const std::uint32_t first = draw.word(), second = draw.word();
        for (const float normal : exact::normal_pair(first, second)) normals.add(normal);
    }
    rows.push_back({"fma", "software", soft.hex()});
    rows.push_back({"fma", "machine", hard.hex()});
    rows.push_back({"storage", "-", storage.hex()});
    rows.push_back({"normals", "-", normals.hex()});
}

void add_job(std::vector<Row>& rows, const TextJob& job) {
    rows.push_back({job.name + ".spec", "-", base::to_hex(market::encode_spec(job.spec))});
    rows.push_back({job.name + ".program", "-", program::program_root(job.program).hex()});
    const std::uint32_t lane = job.spec.lanes - 1;
    for (const std::string& name : runtime::available_targets()) {
        runtime::Executor executor(job.program, {2, 2, *runtime::target_from_name(name)});
        commit::State state = commit::State::zeros(job.program);
        executor.run_init(state);
        rows.push_back({job.name + ".init", name, root_after(job, state, lane, 0).hex()});
        for (std::uint32_t step = 0; step < kSteps; ++step) {
            executor.run_step(state, job.data(), 0, lane, step);
            if (step + 1 == 2 || step + 1 == kSteps) {
                rows.push_back({job.name + ".step" + std::to_string(step + 1), name,
                                root_after(job, state, lane, step + 1).hex()});
            }
        }
    }
}

void add_merge(std::vector<Row>& rows, const TextJob& job) {
    for (const std::string& name : runtime::available_targets()) {
        runtime::Executor executor(job.program, {2, 2, *runtime::target_from_name(name)});
        commit::State opening = commit::State::zeros(job.program);
        executor.run_init(opening);
        std::vector<commit::Payload> payloads;
        for (std::uint32_t lane = 0; lane < 2; ++lane) {
            commit::State state = opening.clone();
            for (std::uint32_t step = 0; step < kMergeSteps; ++step)
                executor.run_step(state, job.data(), 0, lane, step);
            payloads.push_back(commit::Payload::zeros(job.program));
            executor.run_payload(opening, state, 0, payloads.back());
            rows.push_back({job.name + ".payload" + std::to_string(lane), name,
                            commit::payload_root(job.program, payloads.back()).hex()});
        }
        const commit::Payload* members[] = {&payloads[0], &payloads[1]};
        executor.run_merge(opening, members, 0);
        rows.push_back(
            {job.name + ".merge", name, root_after(job, opening, commit::kOpeningLane, 0).hex()});
    }
}

}  // namespace

std::vector<Row> compute_rows(const std::function<void(const std::string&)>& progress) {
    const exact::FloatEnvironment environment;
    std::vector<Row> rows;
    progress("functions");
    add_functions(rows);
    progress("kernels");
    add_kernels(rows);
    add_scalars(rows);
    const std::string text = genesis();
    const TextJob jobs[] = {gpt_on_text(text, 100), ragged_gpt_on_text(text, 100),
                            mlp_on_text(text, 100)};
    for (const TextJob& job : jobs) {
        progress("job " + job.name);
        add_job(rows, job);
    }
    progress("merge");
    add_merge(rows, jobs[1]);
    return rows;
}

}  // namespace assay::equality
