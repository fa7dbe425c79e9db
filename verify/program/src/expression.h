#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "program/program.h"

namespace assay::program {

/// A term of a map's expression, written with operators as it stands in docs/layers.md: one node,
/// hence one rounding, per operator. Terms are trees; `linearise` numbers nodes and operands in
/// left-to-right post-order, so the bytes of a program depend on the text of a formula and not on
/// the order in which a compiler evaluates its parts.
class Term {
  public:
    /// The elements of a view (of the shape of the output, or broadcast along a row, a column or
    /// both).
    explicit Term(View view);
    /// A binary32 constant.
    Term(float value);  // NOLINT(google-explicit-constructor): formulas mix terms and numbers
    /// An i32 constant.
    static Term integer(std::int32_t value);
    static Term row_index();
    static Term col_index();

    friend Term operator+(Term a, Term b) { return node(Op::add, std::move(a), std::move(b)); }
    friend Term operator-(Term a, Term b) { return node(Op::sub, std::move(a), std::move(b)); }
    friend Term operator*(Term a, Term b) { return node(Op::mul, std::move(a), std::move(b)); }
    friend Term operator/(Term a, Term b) { return node(Op::div, std::move(a), std::move(b)); }
    friend Term operator-(Term a) { return node(Op::neg, std::move(a)); }

    static Term node(Op op, Term a);
    static Term node(Op op, Term a, Term b);
    static Term node(Op op, Term a, Term b, Term c);

  private:
    struct Tree;
    explicit Term(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}
    friend class Lineariser;
    std::shared_ptr<const Tree> tree_;
};

inline Term fma(Term a, Term b, Term c) {
    return Term::node(Op::fma, std::move(a), std::move(b), std::move(c));
}
inline Term sqrt(Term a) { return Term::node(Op::sqrt, std::move(a)); }
inline Term abs(Term a) { return Term::node(Op::abs, std::move(a)); }
inline Term minimum(Term a, Term b) { return Term::node(Op::min, std::move(a), std::move(b)); }
inline Term maximum(Term a, Term b) { return Term::node(Op::max, std::move(a), std::move(b)); }
inline Term equal(Term a, Term b) { return Term::node(Op::equal, std::move(a), std::move(b)); }
inline Term less(Term a, Term b) { return Term::node(Op::less, std::move(a), std::move(b)); }
inline Term less_equal(Term a, Term b) {
    return Term::node(Op::less_equal, std::move(a), std::move(b));
}
inline Term select(Term condition, Term yes, Term no) {
    return Term::node(Op::select, std::move(condition), std::move(yes), std::move(no));
}
inline Term exp(Term a) { return Term::node(Op::exp, std::move(a)); }
inline Term log(Term a) { return Term::node(Op::log, std::move(a)); }
inline Term tanh(Term a) { return Term::node(Op::tanh, std::move(a)); }
inline Term erf(Term a) { return Term::node(Op::erf, std::move(a)); }
inline Term to_f32(Term a) { return Term::node(Op::to_f32, std::move(a)); }
inline Term to_i32(Term a) { return Term::node(Op::to_i32, std::move(a)); }

/// `x`, written as +0 when its magnitude is below 2^-100 (stored moments never become subnormal).
Term flush_moment(const Term& x);

/// A formula as an instruction carries it. Equal nodes and equal operands are shared.
struct Linear {
    Expression expression;
    std::vector<View> operands;
};
Linear linearise(const Term& term);

}  // namespace assay::program
