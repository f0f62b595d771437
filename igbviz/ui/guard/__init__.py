"""What keeps a server fit that a whole class can reach: no question to the internet, and a bound on its memory."""
