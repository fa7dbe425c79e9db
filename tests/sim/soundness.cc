/// Runs the settings behind docs/soundness.md and writes one CSV file per table. Same seed, same bytes, on every machine: the markets are
/// integers and hashes, the model is products, quotients and square roots. `scripts/soundness` calls it and makes tables and plots of them.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
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
};

std::string fixed(double value, int places = 4) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", places, value);
    return text;
}

double share(std::uint64_t part, std::uint64_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

class Table {
  public:
    Table(const Run& run, const std::string& name, const std::string& header) : file_(run.folder + "/" + name + ".csv") { file_ << header << "\n"; }
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
    Table table(run, "detection", "rate_ppm,segments,leases,found,measured,model,interval99,income,income_model,lock");
    for (const std::uint32_t rate : {100'000U, 450'000U, 900'000U}) {
        for (const std::uint32_t segments : {1U, 3U, 8U}) {
            DetectionSetting setting;
            setting.seed = run.seed;
            setting.leases = run.leases;
            setting.rate_ppm = rate;
            setting.segments = segments;
            const DetectionResult result = detect(setting);
            const double q = rate / 1e6;
            const double expected = model::detection(q, 0, segments);
            const model::LeaseTerms terms{1.2, q, 0.1, 4, segments};
            table.row(rate, segments, result.leases, result.found, fixed(share(result.found, result.leases)), fixed(expected),
                      fixed(model::interval99(expected, static_cast<double>(result.leases))), fixed(result.income, 3),
                      fixed(model::income_of_faking(terms, expected), 3), fixed(model::lock(terms), 2));
        }
    }
}

void collusion(const Run& run) {
    Table table(run, "collusion", "colluding,segments,leases,found,measured,model,interval99,convicted,paid,income");
    for (const std::uint32_t colluding : {1U, 2U, 3U}) {
        for (const std::uint32_t segments : {1U, 4U}) {
            DetectionSetting setting;
            setting.seed = run.seed + 1;
            setting.leases = run.leases;
            setting.segments = segments;
            setting.colluding = colluding;
            const DetectionResult result = detect(setting);
            const double expected = model::detection(setting.rate_ppm / 1e6, static_cast<double>(colluding) / setting.validators, segments);
            table.row(colluding, segments, result.leases, result.found, fixed(share(result.found, result.leases)), fixed(expected),
                      fixed(model::interval99(expected, static_cast<double>(result.leases))), fixed(share(result.convicted, result.leases)),
                      fixed(share(result.paid, result.leases)), fixed(result.income, 3));
        }
    }
}

void withholding(const Run& run) {
    Table table(run, "withholding", "validators,colluding,segments,draws,escaped_all_give,escaped_best,model,interval99");
    for (const std::uint32_t colluding : {1U, 3U, 5U}) {
        for (const std::uint32_t segments : {1U, 3U, 8U}) {
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
    Table table(run, "lazy", "lazy,leases,found,measured,model,interval99,unaudited,lazy_income,honest_income");
    for (const std::uint32_t lazy : {1U, 2U, 4U}) {
        DetectionSetting setting;
        setting.seed = run.seed + 3;
        setting.leases = run.leases;
        setting.lazy = lazy;
        const DetectionResult result = detect(setting);
        // A lazy auditor's digest does not fit and the segment is drawn again, at most three times in all: never a share of `r` for ever.
        double all_lazy = 1;
        for (std::uint32_t i = 0; i < 3; ++i) all_lazy *= i < lazy ? static_cast<double>(lazy - i) / (setting.validators - i) : 0;
        const double expected = setting.rate_ppm / 1e6 * (1 - all_lazy);
        table.row(lazy, result.leases, result.found, fixed(share(result.found, result.leases)), fixed(expected),
                  fixed(model::interval99(expected, static_cast<double>(result.leases))), result.unaudited, fixed(result.lazy_validator_income, 4),
                  fixed(result.honest_validator_income, 4));
    }
}

void accusations(const Run& run) {
    Table table(run, "accusations", "accusers,leases,paid,slashed,votes,upheld,worker_income,accuser_income,honest_income,insurance");
    for (const std::uint32_t accusers : {1U, 2U}) {
        HonestSetting setting;
        setting.seed = run.seed + 4;
        setting.leases = run.leases;
        setting.accusers = accusers;
        const HonestResult result = serve(setting);
        table.row(accusers, result.leases, fixed(share(result.paid, result.leases)), result.slashed, result.votes, result.upheld,
                  fixed(result.income, 3), fixed(result.accuser_income, 4), fixed(result.honest_validator_income, 4), fixed(result.insurance, 4));
    }
}

void faults(const Run& run) {
    Table table(run, "faults", "fault_ppm,confesses,leases,faulty,slashed,confessed,income,model");
    for (const std::uint32_t fault : {0U, 1'000U, 10'000U}) {
        for (const bool confesses : {false, true}) {
            // Rare faults say little about confessing, and none says nothing.
            if (fault < 10'000U && confesses) continue;
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
            table.row(fault, confesses ? "yes" : "no", result.leases, result.faulty, result.slashed, result.confessed, fixed(result.income, 4),
                      fixed(expected, 4));
        }
    }
}

void seasons(const Run& run) {
    static const char* const kRoles[] = {"worker", "validator", "submitter", "coalition"};
    Table table(run, "adversaries", "judgement,name,role,net,honest,convicted,poisoned,what,open");
    for (const Judged judged : {Judged::by_referee, Judged::by_vote}) {
        for (const Adversary& one : adversaries()) {
            if (one.only_by_referee && judged == Judged::by_vote) continue;
            const SeasonResult cheated = play(one, run.seed + 6, false, judged);
            const SeasonResult honest = play(one, run.seed + 6, true, judged);
            table.row(judged == Judged::by_vote ? "vote" : "referee", one.name, kRoles[static_cast<int>(one.role)],
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
    }
    const std::pair<const char*, void (*)(const Run&)> tables[] = {{"adversaries", seasons}, {"detection", detection}, {"collusion", collusion},
                                                                   {"withholding", withholding}, {"lazy", laziness}, {"accusations", accusations},
                                                                   {"faults", faults}};
    for (const auto& [name, make] : tables) {
        if (!wanted(run, name)) continue;
        std::cerr << name;
        make(run);
        std::cerr << "\n";
    }
    return testing::UnitTest::GetInstance()->Failed() ? 1 : 0;
}
