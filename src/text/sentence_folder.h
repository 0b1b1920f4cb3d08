#pragma once
#include "text/sentence_encoder.h"

namespace tessera {

/// Reads a sentence-transformers folder (or a plain Hugging Face one: mean pooling then) of model
/// type bert or distilbert: config.json, vocab.txt, model.safetensors, and where they are
/// modules.json with what it names, tokenizer_config.json and sentence_bert_config.json. Throws
/// Error that names the file and what to do.
SentenceEncoder read_sentence_folder(const fs::path& folder);

}  // namespace tessera
