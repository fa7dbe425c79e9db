#include "numeric_table.h"

#include <array>
#include <cstring>

#include "base/check.h"
#include "base/encoding.h"
#include "base/wide.h"

namespace assay::commit {

namespace {

using base::ByteView;

struct NumberType {
    std::string_view npy, name;
    std::uint32_t bytes;
};
constexpr std::array<NumberType, 10> kTypes{{{"<f4", "F32", 4},
                                             {"<f8", "F64", 8},
                                             {"|i1", "I8", 1},
                                             {"|u1", "U8", 1},
                                             {"<i2", "I16", 2},
                                             {"<u2", "U16", 2},
                                             {"<i4", "I32", 4},
                                             {"<u4", "U32", 4},
                                             {"<i8", "I64", 8},
                                             {"<u8", "U64", 8}}};
constexpr std::size_t kNpyHeaderMax = 65'536;
constexpr std::string_view kNpyMagic = "\x93NUMPY";

const NumberType* type_of(std::string_view name) {
    for (const NumberType& type : kTypes) {
        if (type.name == name || type.npy == name) return &type;
    }
    return nullptr;
}

template <class T>
double element(ByteView data, std::uint64_t index) {
    T value{};
    std::memcpy(&value, data.data() + index * sizeof(T), sizeof(T));
    return static_cast<double>(value);
}

/// Reads the Python dictionary literal of a .npy header: exactly descr, fortran_order and shape.
class HeaderReader {
  public:
    explicit HeaderReader(std::string_view text) : rest_(text) {}
    bool read(NumericArray& array) {
        if (!take('{')) return false;
        unsigned seen = 0;
        while (!take('}')) {
            const std::string key = text();
            if (!take(':')) return false;
            if (key == "descr" && (seen & 1U) == 0) {
                const NumberType* type = type_of(text());
                if (type == nullptr) return false;
                array.type = type->name;
                seen |= 1U;
            } else if (key == "fortran_order" && (seen & 2U) == 0) {
                array.column_major = take_word("True");
                if (!array.column_major && !take_word("False")) return false;
                seen |= 2U;
            } else if (key == "shape" && (seen & 4U) == 0) {
                if (!shape(array.shape)) return false;
                seen |= 4U;
            } else {
                return false;
            }
            if (!take(',') && !peek('}')) return false;
        }
        skip();
        return rest_.empty() && seen == 7U;
    }

  private:
    void skip() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n'))
            rest_.remove_prefix(1);
    }
    bool peek(char c) {
        skip();
        return !rest_.empty() && rest_.front() == c;
    }
    bool take(char c) {
        if (!peek(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool take_word(std::string_view word) {
        skip();
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    std::string text() {
        skip();
        if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return {};
        const std::size_t end = rest_.find(rest_.front(), 1);
        if (end == std::string_view::npos) return {};
        std::string result(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        return result;
    }
    bool shape(std::vector<std::uint64_t>& sizes) {
        if (!take('(')) return false;
        while (!take(')')) {
            skip();
            std::uint64_t size = 0;
            std::size_t digits = 0;
            for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9';
                 ++digits) {
                size = size * 10 + static_cast<std::uint64_t>(rest_[digits] - '0');
                if (size > (1ULL << 40U)) return false;
            }
            if (digits == 0 || sizes.size() >= 2) return false;
            rest_.remove_prefix(digits);
            sizes.push_back(size);
            if (!take(',') && !peek(')')) return false;
        }
        return !sizes.empty();
    }
    std::string_view rest_;
};

bool size_matches(const NumericArray& array) {
    const base::Uint128 expected =
        base::Uint128{array.rows()} * array.cols() * type_of(array.type)->bytes;
    return expected == array.data.size();
}

}  // namespace

double NumericArray::at(std::uint64_t row, std::uint64_t col) const {
    const std::uint64_t index = column_major ? col * rows() + row : row * cols() + col;
    if (type == "F32") return element<float>(data, index);
    if (type == "F64") return element<double>(data, index);
    if (type == "I8") return element<std::int8_t>(data, index);
    if (type == "U8") return element<std::uint8_t>(data, index);
    if (type == "I16") return element<std::int16_t>(data, index);
    if (type == "U16") return element<std::uint16_t>(data, index);
    if (type == "I32") return element<std::int32_t>(data, index);
    if (type == "U32") return element<std::uint32_t>(data, index);
    if (type == "I64") return element<std::int64_t>(data, index);
    ASSAY_CHECK(type == "U64");
    return element<std::uint64_t>(data, index);
}

tl::expected<NumericArray, std::string> parse_npy(ByteView bytes) {
    const auto refuse = [](const char* reason) { return tl::unexpected(std::string(reason)); };
    base::Decoder in(bytes);
    const base::Bytes magic = in.raw(kNpyMagic.size());
    if (!in.ok() || !std::equal(magic.begin(), magic.end(), base::view_of(kNpyMagic).begin()))
        return refuse("is not a .npy file");
    const std::uint8_t major = in.u8();
    const std::uint8_t minor = in.u8();
    if (major < 1 || major > 3 || minor != 0) return refuse("has an unknown .npy version");
    const std::size_t length = major == 1 ? in.u16() : in.u32();
    if (!in.ok() || length > kNpyHeaderMax || length > in.rest().size())
        return refuse("is truncated in its header");
    const base::Bytes header = in.raw(length);
    NumericArray array;
    if (!HeaderReader({reinterpret_cast<const char*>(header.data()), header.size()}).read(array)) {
        return refuse("has a header that is not of a matrix of little-endian numbers");
    }
    array.data = in.rest();
    if (!size_matches(array)) return refuse("has a size that does not match its shape");
    return array;
}

tl::expected<NumericArray, std::string> numeric_array(const SafeTensor& tensor) {
    if (type_of(tensor.dtype_name) == nullptr)
        return tl::unexpected("tensor '" + tensor.name + "' is not of plain numbers");
    if (tensor.shape.empty() || tensor.shape.size() > 2)
        return tl::unexpected("tensor '" + tensor.name + "' is not a matrix");
    return NumericArray{tensor.dtype_name, tensor.shape, false, tensor.data};
}

}  // namespace assay::commit
