"""Average BERT's token embeddings over every transcript of one corpus."""

import logging

from emofuse import arrays, study, tables
from emofuse.features import text_embeddings
from emofuse.models import bert
from emofuse.params import load
from emofuse.stage import run

log = logging.getLogger("embed_text")


def main(corpus: str) -> None:
    """Write data/features/text_embeddings/<corpus>/."""
    params = load()
    encoder = params.at_scale(params.text_encoder)
    transcripts = tables.read(study.transcripts_file(corpus), tables.TRANSCRIPTS)
    tokenizer, network = bert.load(encoder.name, encoder.revision, encoder.sha256)
    embeddings = text_embeddings.embed(list(transcripts["text"]), tokenizer, network, params.features.text_embeddings)
    rows = zip(transcripts["example_id"], embeddings[:, None], strict=True)
    written = arrays.write(study.features_folder("text_embeddings", corpus), rows)
    log.info("%s: %d transcripts -> %d embeddings", corpus, len(transcripts), written)


if __name__ == "__main__":
    run(main)
