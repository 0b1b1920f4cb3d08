# Writes a C++ file that holds the files of a folder:
#   cmake -DFOLDER=… -DOUTPUT=… -P EmbedFiles.cmake
# It defines find_console_file of serve/console_files.h.
file(GLOB paths ${FOLDER}/*)
list(SORT paths)
set(arrays "")
set(entries "")
set(number 0)
foreach(path IN LISTS paths)
  get_filename_component(name ${path} NAME)
  get_filename_component(extension ${path} LAST_EXT)
  if(extension STREQUAL ".html")
    set(type "text/html; charset=utf-8")
  elseif(extension STREQUAL ".css")
    set(type "text/css; charset=utf-8")
  elseif(extension STREQUAL ".js")
    set(type "text/javascript; charset=utf-8")
  elseif(extension STREQUAL ".svg")
    set(type "image/svg+xml")
  else()
    message(FATAL_ERROR "${path}: no content type is known for ${extension}")
  endif()
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND arrays "constexpr unsigned char kFile${number}[] = {${bytes}0};\n")
  string(APPEND entries "    file(\"${name}\", \"${type}\", kFile${number}),\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include \"serve/console_files.h\"

namespace tessera {
namespace {

${arrays}
// Without the 0 at the end.
template <std::size_t size>
ConsoleFile file(const char* name, const char* type, const unsigned char (&bytes)[size]) {
  return {name, type, {reinterpret_cast<const char*>(bytes), size - 1}};
}

}  // namespace

const ConsoleFile* find_console_file(std::string_view name) {
  static const ConsoleFile files[] = {
${entries}  };
  for (const ConsoleFile& file : files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

}  // namespace tessera
")
