#include "cli/option_sources.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/texts.h"

namespace tessera {
namespace {

std::string name_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : option.get_lnames().front();
}

std::string variable_of(const std::string& name) {
  std::string variable = "TESSERA_" + name;
  std::ranges::transform(variable, variable.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return variable;
}

/// What belongs to one call, and stands on the command line alone.
constexpr std::array<std::string_view, 4> kOfOneCall = {"help", "config", "print-config", "probe"};

/// Those that may stand elsewhere.
std::vector<CLI::Option*> settable(CLI::App& command) {
  std::vector<CLI::Option*> all;
  for (CLI::Option* option : command.get_options()) {
    const std::string name = name_of(*option);
    if (!name.empty() && std::ranges::count(kOfOneCall, name) == 0) all.push_back(option);
  }
  return all;
}

bool takes_many(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

void give(CLI::Option& option, const std::vector<std::string>& values, const std::string& place) {
  try {
    for (const std::string& value : values) option.add_result(value);
    option.run_callback();
  } catch (const CLI::Error& error) {
    fail_usage("{}: {}", place, error.what());
  }
}

/// Without the quotes around it.
std::string unquoted(std::string_view text) {
  const bool quoted = text.size() > 1 && text.front() == '"' && text.back() == '"';
  return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

/// What a line of the file says: the option's values, and the line of the last.
struct Said {
  std::vector<std::string> values;
  std::size_t line = 0;
};

std::map<std::string, Said> read_settings(const std::string& file,
                                          const std::vector<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(name_of(*option));
  std::map<std::string, Said> said;
  for_each_line(read_file(file), [&](std::string_view text, std::size_t number) {
    const std::string_view line = trimmed(text, " \t\r");
    if (line.empty() || line.starts_with('#')) return;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      fail_usage("{}:{}: write NAME = VALUE, or a comment behind #", file, number);
    }
    const std::string name(trimmed(line.substr(0, equals), " \t"));
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      const std::string near = nearest_word(name, names);
      fail_usage("{}:{}: there is no option '{}'{}", file, number, printable(name),
                 near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    }
    Said& values = said[name];
    if (!values.values.empty() && !takes_many(*options[std::size_t(found - names.begin())])) {
      fail_usage("{}:{}: '{}' stands there twice", file, number, name);
    }
    values.values.push_back(unquoted(trimmed(line.substr(equals + 1), " \t")));
    values.line = number;
  });
  return said;
}

/// redis://user:password@host as redis://user:…@host.
std::string without_password(const std::string& value) {
  const std::size_t scheme = value.find("://"), at = value.rfind('@');
  if (scheme == std::string::npos || at == std::string::npos) return value;
  const std::size_t colon = value.find(':', scheme + 3);
  return colon < at ? value.substr(0, colon + 1) + "..." + value.substr(at) : value;
}

}  // namespace

void read_other_sources(CLI::App& command, const std::string& file) {
  const std::vector<CLI::Option*> options = settable(command);
  const auto said = file.empty() ? std::map<std::string, Said>() : read_settings(file, options);
  for (CLI::Option* option : options) {
    if (option->count() > 0) continue;
    const std::string name = name_of(*option);
    const std::string variable = variable_of(name);
    if (const char* value = std::getenv(variable.c_str()); value != nullptr && *value != '\0') {
      std::vector<std::string> values;
      if (takes_many(*option)) {
        for (const std::string_view one : split(value, ",")) values.emplace_back(one);
      } else {
        values.emplace_back(value);
      }
      give(*option, values, "environment: " + variable);
    } else if (const auto found = said.find(name); found != said.end()) {
      give(*option, found->second.values, fmt::format("{}:{}", file, found->second.line));
    }
  }
}

std::string settings_text(const CLI::App& command) {
  std::string text;
  for (const CLI::Option* option : settable(const_cast<CLI::App&>(command))) {
    const std::string name = name_of(*option);
    const bool flag = option->get_items_expected_max() == 0;
    if (option->count() == 0) {
      const std::string standard = flag ? "false" : option->get_default_str();
      text += fmt::format("# {} = {}\n", name, standard);
      continue;
    }
    for (const std::string& value : option->results()) {
      text += fmt::format("{} = {}\n", name, without_password(value));
    }
  }
  return text;
}

}  // namespace tessera
