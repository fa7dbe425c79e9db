#include "expression.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace assay::program {

struct Term::Tree {
    Op op = Op::operand;
    std::vector<std::shared_ptr<const Tree>> arguments;
    std::uint32_t bits = 0;
    View view;
};

namespace {

template <class T>
std::uint32_t index_of(std::vector<T>& list, const T& value) {
    const auto found = std::find(list.begin(), list.end(), value);
    if (found != list.end()) return static_cast<std::uint32_t>(found - list.begin());
    list.push_back(value);
    return static_cast<std::uint32_t>(list.size() - 1);
}

}  // namespace

Term::Term(View view) : tree_(std::make_shared<Tree>(Tree{Op::operand, {}, 0, view})) {}

Term::Term(float value)
    : tree_(std::make_shared<Tree>(
          Tree{Op::constant_f32, {}, std::bit_cast<std::uint32_t>(value), {}})) {}

Term Term::integer(std::int32_t value) {
    return Term(std::make_shared<const Tree>(
        Tree{Op::constant_i32, {}, static_cast<std::uint32_t>(value), {}}));
}

Term Term::row_index() {
    return Term(std::make_shared<const Tree>(Tree{Op::row_index, {}, 0, {}}));
}
Term Term::col_index() {
    return Term(std::make_shared<const Tree>(Tree{Op::col_index, {}, 0, {}}));
}

Term Term::node(Op op, Term a) {
    return Term(std::make_shared<const Tree>(Tree{op, {std::move(a.tree_)}, 0, {}}));
}
Term Term::node(Op op, Term a, Term b) {
    return Term(
        std::make_shared<const Tree>(Tree{op, {std::move(a.tree_), std::move(b.tree_)}, 0, {}}));
}
Term Term::node(Op op, Term a, Term b, Term c) {
    return Term(std::make_shared<const Tree>(
        Tree{op, {std::move(a.tree_), std::move(b.tree_), std::move(c.tree_)}, 0, {}}));
}

class Lineariser {
  public:
    std::uint32_t visit(const Term::Tree& tree) {
        Node node;
        node.op = tree.op;
        node.bits = tree.bits;
        if (tree.op == Op::operand) node.a = index_of(linear.operands, tree.view);
        std::uint32_t arguments[3] = {0, 0, 0};
        for (std::size_t i = 0; i < tree.arguments.size(); ++i)
            arguments[i] = visit(*tree.arguments[i]);
        if (!tree.arguments.empty()) {
            node.a = arguments[0];
            node.b = arguments[1];
            node.c = arguments[2];
        }
        return index_of(linear.expression, node);
    }
    static Linear run(const Term& term) {
        Lineariser lineariser;
        const std::uint32_t result = lineariser.visit(*term.tree_);
        ASSAY_CHECK(result + 1 == lineariser.linear.expression.size());
        return std::move(lineariser.linear);
    }
    Linear linear;
};

Linear linearise(const Term& term) { return Lineariser::run(term); }

Term flush_moment(const Term& x) { return select(less(abs(x), 0x1p-100F), 0.0F, x); }

}  // namespace assay::program
