"""The deliver stage, walked at random beside a model of what it promises."""
