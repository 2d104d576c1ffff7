"""The application layer (clause 8): one folder for each business, built on the services.

Business folders never import each other; they meet in the public state of contracts and in events.
"""
