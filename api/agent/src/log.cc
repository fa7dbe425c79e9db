#include "agent/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace assay::agent {

namespace {

bool lines_are_json = false;

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

std::string json_line(LogLevel level, std::string_view event, std::string_view sentence,
                      const LogFields& fields) {
    nlohmann::ordered_json line;
    line["level"] = spdlog::level::to_string_view(level_of(level)).data();
    line["event"] = event;
    line["message"] = sentence;
    for (const auto& [name, value] : fields) line[std::string(name)] = value;
    // A broken UTF-8 sequence in a message must not stop the program.
    return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string text_line(std::string_view event, std::string_view sentence, const LogFields& fields) {
    std::string line(sentence);
    line.append("  [").append(event);
    for (const auto& [name, value] : fields)
        line.append(" ").append(name).append("=").append(value);
    line.append("]");
    return line;
}

}  // namespace

void configure_log(bool json, LogLevel least) {
    lines_are_json = json;
    auto logger = std::make_shared<spdlog::logger>(
        "assay", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern(json ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    logger->set_level(level_of(least));
    logger->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
}

void log(LogLevel level, std::string_view event, std::string_view sentence,
         const LogFields& fields) {
    const std::string line = lines_are_json ? json_line(level, event, sentence, fields)
                                            : text_line(event, sentence, fields);
    spdlog::default_logger_raw()->log(level_of(level), "{}", line);
}

bool SaidBefore::is_new(const std::string& subject, const std::string& text) {
    constexpr std::size_t kSubjectsMax = 1024;
    if (last_.size() >= kSubjectsMax) last_.clear();
    std::string& last = last_[subject];
    if (last == text) return false;
    last = text;
    return true;
}

std::string shortened(std::string_view hex) { return std::string(hex.substr(0, 8)); }

}  // namespace assay::agent
