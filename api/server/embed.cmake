# Writes a C++ source that holds the bytes of the file INPUT.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"server/openapi.h\"\n\nnamespace assay::server {\n\nstd::string_view openapi_document() {\n    static constexpr char kBytes[] = {\n${bytes}};\n    return {kBytes, sizeof kBytes};\n}\n\n}  // namespace assay::server\n")
