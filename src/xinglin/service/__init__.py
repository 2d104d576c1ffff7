"""The service layer (clause 7): what happens to medical data, from their collection to their destruction."""
