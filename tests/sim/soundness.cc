/// Runs the settings behind docs/soundness.md and writes one CSV file per table. Same seed, same bytes, on every machine: the markets are
/// integers and hashes, the model is products, quotients and square roots. `scripts/soundness` calls it and makes tables and plots of them.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

#include "adversaries.h"
#include "experiments.h"
#include "model.h"

namespace {

using namespace assay::sim;

struct Run {
    std::uint64_t seed = 1;
    std::uint32_t leases = 10'000;
    std::string folder = ".", only;
    std::optional<std::uint32_t> row;        ///< compute this row of a table alone
    bool list = false;                       ///< compute nothing, say how many rows there are
    mutable std::uint32_t rows = 0;
    /// Asked once for each row, in order.
    [[nodiscard]] bool takes() const {
        const std::uint32_t number = rows++;
        return !list && (!row || *row == number);
    }
};

const char* word(Judged judged) { return judged == Judged::by_vote ? "vote" : "referee"; }
constexpr Judged kBoth[] = {Judged::by_referee, Judged::by_vote};

std::string fixed(double value, int places = 4) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", places, value);
    return text;
}

double share(std::uint64_t part, std::uint64_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

class Table {
  public:
    Table(const Run& run, const std::string& name, const std::string& header) {
        if (run.list) return;
        file_.open(run.folder + "/" + name + ".csv");
        file_ << header << "\n";
    }
    template <class... Values>
    void row(const Values&... values) {
        bool first = true;
        ((file_ << (first ? "" : ",") << values, first = false), ...);
        file_ << "\n" << std::flush;
        std::cerr << ".";
    }

  private:
    std::ofstream file_;
};

bool wanted(const Run& run, const std::string& name) { return run.only.empty() || run.only == name; }

void detection(const Run& run) {
    Table table(run, "detection", "judgement,rate_ppm,segments,leases,found,measured,model,interval99,income,income_model,lock");
    for (const std::uint32_t rate : {100'000U, 450'000U, 900'000U}) {
        for (const std::uint32_t segments : {1U, 3U, 8U}) {
            if (!run.takes()) continue;
            DetectionSetting setting;
            setting.seed = run.seed;
            setting.leases = run.leases;
            setting.rate_ppm = rate;
            setting.segments = segments;
            const DetectionResult result = detect(setting);
            const double q = rate / 1e6;
            const double expected = model::detection(q, 0, segments);
            const model::LeaseTerms terms{1.2, q, 0.1, 4, segments};
            table.row(word(setting.judged), rate, segments, result.leases, result.found, fixed(share(result.found, result.leases)), fixed(expected),
                      fixed(model::interval99(expected, static_cast<double>(result.leases))), fixed(result.income, 3),
                      fixed(model::income_of_faking(terms, expected), 3), fixed(model::lock(terms), 2));
        }
    }
}

void collusion(const Run& run) {
    Table table(run, "collusion", "judgement,colluding,segments,leases,found,measured,model,interval99,convicted,paid,income");
    for (const Judged judged : kBoth) {
        for (const std::uint32_t colluding : {1U, 2U, 3U}) {
            for (const std::uint32_t segments : {1U, 4U}) {
                if (!run.takes()) continue;
                DetectionSetting setting;
                setting.seed = run.seed + 1;
                setting.judged = judged;
                setting.leases = run.leases;
                setting.segments = segments;
                setting.colluding = colluding;
                const DetectionResult result = detect(setting);
                const double expected = model::detection(setting.rate_ppm / 1e6, static_cast<double>(colluding) / setting.validators, segments);
                table.row(word(judged), colluding, segments, result.leases, result.found, fixed(share(result.found, result.leases)), fixed(expected),
                          fixed(model::interval99(expected, static_cast<double>(result.leases))), fixed(share(result.convicted, result.leases)),
                          fixed(share(result.paid, result.leases)), fixed(result.income, 3));
            }
        }
    }
}

void withholding(const Run& run) {
    Table table(run, "withholding", "validators,colluding,segments,draws,escaped_all_give,escaped_best,model,interval99");
    for (const std::uint32_t colluding : {1U, 3U, 5U}) {
        for (const std::uint32_t segments : {1U, 3U, 8U}) {
            if (!run.takes()) continue;
            WithholdingSetting setting;
            setting.seed = run.seed + 2;
            setting.draws = run.leases;
            setting.colluding = colluding;
            setting.segments = segments;
            const WithholdingResult result = withhold(setting);
            const double expected = 1 - model::detection(setting.rate_ppm / 1e6, static_cast<double>(colluding) / setting.validators, segments);
            table.row(setting.validators, colluding, segments, result.draws, fixed(share(result.escaped_all_give, result.draws)),
                      fixed(share(result.escaped_best, result.draws)), fixed(expected), fixed(model::interval99(expected, static_cast<double>(result.draws))));
        }
    }
}

void laziness(const Run& run) {
    Table table(run, "lazy", "judgement,lazy,leases,found,measured,model,interval99,unaudited,lazy_income,honest_income");
    for (const Judged judged : kBoth) {
        for (const std::uint32_t lazy : {1U, 2U, 4U}) {
            if (!run.takes()) continue;
            DetectionSetting setting;
            setting.seed = run.seed + 3;
            setting.judged = judged;
            setting.leases = run.leases;
            setting.lazy = lazy;
            const DetectionResult result = detect(setting);
            // By vote a lazy auditor's digest does not fit and the segment is drawn again, at most three times in all. By referee a game about the
            // digests opens, and those of a worker that fakes are false too: whoever is drawn, the worker is convicted.
            const bool referee = judged == Judged::by_referee;
            double all_lazy = referee ? 0 : 1;
            for (std::uint32_t i = 0; i < 3; ++i) all_lazy *= i < lazy ? static_cast<double>(lazy - i) / (setting.validators - i) : 0;
            const double expected = setting.rate_ppm / 1e6 * (1 - all_lazy);
            const std::uint64_t caught = referee ? result.convicted : result.found;
            table.row(word(judged), lazy, result.leases, caught, fixed(share(caught, result.leases)), fixed(expected),
                      fixed(model::interval99(expected, static_cast<double>(result.leases))), result.unaudited, fixed(result.lazy_validator_income, 4),
                      fixed(result.honest_validator_income, 4));
        }
    }
}

void accusations(const Run& run) {
    Table table(run, "accusations", "judgement,accusers,leases,paid,slashed,judgements,upheld,worker_income,accuser_income,honest_income,insurance");
    for (const Judged judged : kBoth) {
        for (const std::uint32_t accusers : {1U, 2U}) {
            if (!run.takes()) continue;
            HonestSetting setting;
            setting.seed = run.seed + 4;
            setting.judged = judged;
            setting.leases = run.leases;
            setting.accusers = accusers;
            const HonestResult result = serve(setting);
            table.row(word(judged), accusers, result.leases, fixed(share(result.paid, result.leases)), result.slashed, result.judgements, result.upheld,
                      fixed(result.income, 3), fixed(result.accuser_income, 4), fixed(result.honest_validator_income, 4), fixed(result.insurance, 4));
        }
    }
}

void faults(const Run& run) {
    Table table(run, "faults", "judgement,fault_ppm,confesses,leases,faulty,slashed,confessed,income,model");
    for (const std::uint32_t fault : {0U, 1'000U, 10'000U}) {
        for (const bool confesses : {false, true}) {
            // Rare faults say little about confessing, and none says nothing.
            if (fault < 10'000U && confesses) continue;
            if (!run.takes()) continue;
            HonestSetting setting;
            setting.seed = run.seed + 5;
            setting.leases = run.leases;
            setting.fault_ppm = fault;
            setting.confesses = confesses;
            const HonestResult result = serve(setting);
            const model::LeaseTerms terms;
            const double caught = fault / 1e6 * terms.rate;
            const double loss = confesses ? std::fmin(model::lock(terms), model::lock(terms) / 2 + terms.price) : model::lock(terms);
            const double expected = (1 - caught) * terms.price - 1 - caught * (loss + model::bond(terms));
            table.row(word(setting.judged), fault, confesses ? "yes" : "no", result.leases, result.faulty, result.slashed, result.confessed, fixed(result.income, 4),
                      fixed(expected, 4));
        }
    }
}

void seasons(const Run& run) {
    static const char* const kRoles[] = {"worker", "validator", "submitter", "coalition"};
    Table table(run, "adversaries", "judgement,name,role,net,honest,convicted,poisoned,what,open");
    for (const Judged judged : kBoth) {
        for (const Adversary& one : adversaries()) {
            if (one.only_by_referee && judged == Judged::by_vote) continue;
            if (!run.takes()) continue;
            const SeasonResult cheated = play(one, run.seed + 6, false, judged);
            const SeasonResult honest = play(one, run.seed + 6, true, judged);
            table.row(word(judged), one.name, kRoles[static_cast<int>(one.role)],
                      fixed(static_cast<double>(cheated.adversary_net()) / 1e6, 3), fixed(static_cast<double>(honest.adversary_net()) / 1e6, 3),
                      cheated.count("slashed"), cheated.poisoned, "\"" + one.what + "\"", "\"" + one.hole(judged) + "\"");
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    Run run;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string option = argv[i], value = argv[i + 1];
        if (option == "--leases") run.leases = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
        if (option == "--seed") run.seed = std::strtoull(value.c_str(), nullptr, 10);
        if (option == "--folder") run.folder = value;
        if (option == "--only") run.only = value;
        if (option == "--row") run.row = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
        if (option == "--list") run.list = value == "yes";
    }
    const std::pair<const char*, void (*)(const Run&)> tables[] = {{"adversaries", seasons}, {"detection", detection}, {"collusion", collusion},
                                                                   {"withholding", withholding}, {"lazy", laziness}, {"accusations", accusations},
                                                                   {"faults", faults}};
    for (const auto& [name, make] : tables) {
        if (!wanted(run, name)) continue;
        run.rows = 0;
        std::cerr << (run.list ? "" : name);
        make(run);
        std::cerr << (run.list ? "" : "\n");
        if (run.list) std::cout << name << " " << run.rows << "\n";
    }
    return testing::UnitTest::GetInstance()->Failed() ? 1 : 0;
}
