"""Clean records to training, validation and test data that give nothing away of each other."""
