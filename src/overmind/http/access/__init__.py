"""Who may do what over HTTP: users, tokens, sessions, and the roles that routes ask for."""
