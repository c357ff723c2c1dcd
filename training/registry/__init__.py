"""The registry of models: publish, promote through the gate, roll back."""
