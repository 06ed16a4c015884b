-- The user's values, a JSON array, with which the recorded requests are searched. Null once they have been searched.
ALTER TABLE erasures ADD COLUMN texts TEXT;
