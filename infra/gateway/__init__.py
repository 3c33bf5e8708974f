"""What API Management asks of every call: policies as strict XML, and the operations that exist."""
