#include "base/chunk_tree.h"
#include "cli.h"
#include "client/json.h"
#include "commit/dataset.h"

namespace assay::cli {
namespace {

struct DataOptions {
    std::filesystem::path source, out;
    commit::ImportOptions import;
    double validation = 0.1;
};

Exit import_data(const Program& program, const DataOptions& options) {
    commit::ImportOptions import = options.import;
    import.validation_ppm = static_cast<std::uint32_t>(options.validation * 1e6 + 0.5);
    const auto prepared = commit::import_data(options.source, import, options.out);
    if (!prepared) return fail(program, {Exit::refused, prepared.error()});
    const Json data = client::data_to_json(prepared->spec);
    const Json json{{"data", data}, {"blob", prepared->blob.string()}};
    return print(program, json,
                 "dataset blob " + prepared->blob.string() +
                     "\nput this into the job spec:\n\"data\": " + data.dump(2));
}

Exit put(const Program& program, const std::filesystem::path& file) {
    client::Client client = connect(program);
    const auto receipt = client.put_blob_file(file);
    if (!receipt) return fail(program, failure_of(receipt.error()));
    return print(
        program, client::json_of(*receipt),
        "stored " + receipt->blob.hex() + ", " + std::to_string(receipt->bytes) + " bytes");
}

Exit get(const Program& program, const std::string& root_text, const std::filesystem::path& out) {
    const auto root = parse_id(root_text, "the blob root");
    if (!root) return fail(program, root.error());
    client::Client client = connect(program);
    const auto got = client.get_blob(base::BlobRoot{*root}, out);
    if (!got) return fail(program, failure_of(got.error()));
    return print(program, {{"blob", root_text}, {"file", out.string()}}, "saved " + out.string());
}

}  // namespace

void add_data_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<DataOptions>();
    auto root = std::make_shared<std::string>();
    auto* data = app.add_subcommand("data", "Datasets and blobs");
    data->require_subcommand(1);
    auto* import_command = data->add_subcommand(
        "import", "Turn text, tokens or tables into a dataset blob and its spec entry");
    import_command->add_option("source", options->source, "Text, .bin, .npy or safetensors file")
        ->required()
        ->check(CLI::ExistingFile);
    import_command->add_option("--out", options->out, "Where the blob goes")->required();
    import_command
        ->add_option("--format", options->import.format,
                     "auto, text, bytes, bin16, bin32, npy or safetensors")
        ->capture_default_str();
    import_command
        ->add_option("--validation", options->validation,
                     "Share of the validation split, the last part")
        ->check(CLI::Range(0.0, 0.9))
        ->capture_default_str();
    import_command
        ->add_option("--vocabulary", options->import.vocabulary,
                     "For bin16 and bin32; 0: largest id + 1")
        ->capture_default_str();
    program.on(import_command, [&program, options] { return import_data(program, *options); });
    auto* put_command = data->add_subcommand("put", "Store a file at the node");
    put_command->add_option("file", options->source, "File")->required()->check(CLI::ExistingFile);
    program.on(put_command, [&program, options] { return put(program, options->source); });
    auto* get_command = data->add_subcommand("get", "Fetch a blob, verified");
    get_command->add_option("root", *root, "Blob root")->required();
    get_command->add_option("--out", options->out, "File")->required();
    program.on(get_command,
               [&program, options, root] { return get(program, *root, options->out); });
}

}  // namespace assay::cli
