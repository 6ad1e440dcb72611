"""Data that moves in and out: exports of the record, and imports of them and of the predecessor's database."""
