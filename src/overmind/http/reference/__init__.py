"""The reference of the HTTP API: OpenAPI, the page and the document are all made from the routes and these rows.

What a program can tell is derived: parameters from the routes, shapes from the types of bodies and answers, the meaning
of a field from the comment beside it. `topics` adds, for each route, what it does and which errors it has of its own.
"""
