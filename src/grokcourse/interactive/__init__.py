"""What a picture that moves needs from the package: arrays in, a compact file of data for the page's script out.

``packing`` turns arrays into text that a script reads back, with a stated error; each other module has one picture's
data. A chapter's cell computes the arrays, hands the text to ``publishing.numbers.download``, and draws the still that
stands where the picture cannot move; the directive ``{interactive}`` joins the two. The scripts that draw are in
``book/assets/interactive``.
"""
