"""The live count as the public reads it: documents, copies with an ETag, pages."""
